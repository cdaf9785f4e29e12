/** When the start is over. */
import { assertEquals } from "@std/assert";
import { CatchingUp } from "../../../src/kafka/topic/catching_up.ts";

/** Whether it is over by now. */
async function isDone({ done }: CatchingUp): Promise<boolean> {
  return await Promise.race([done.then(() => true), Promise.resolve().then(() => false)]);
}

Deno.test("[DEL13] the start is over at an earlier end if the log was cut ahead of the position", async () => {
  const catchingUp = new CatchingUp();
  catchingUp.begin([{ partition: 0, position: 5, end: 100 }]);
  const done = [];

  // A leader that was just elected may tell an earlier end for a moment.
  for (const end of [70, 70, 100, 70, 70, 70]) {
    catchingUp.noteEnd(0, end);
    catchingUp.note(0, 70);
    done.push(await isDone(catchingUp));
  }

  assertEquals(done, [false, false, false, false, false, true]);
});
