import { assertEquals } from "@std/assert";
import { TimerWheel } from "../../src/util/timer_wheel.ts";

Deno.test("an item is not called back if another item of the same tick has cancelled it", async () => {
  const called: string[] = [];
  const last = Promise.withResolvers<void>();
  const wheel = new TimerWheel<string>({
    tickMs: 10,
    onDue(item) {
      called.push(item);
      if (item === "first") wheel.cancel("cancelled");
      if (item === "last") last.resolve();
    },
  });
  wheel.schedule("first", 20);
  wheel.schedule("cancelled", 20);
  wheel.schedule("last", 40);

  await last.promise;
  assertEquals([called, wheel.size], [["first", "last"], 0]);
  wheel.stop();
});
