import { assert, assertEquals, assertRejects } from "@std/assert";
import { setImmediate } from "node:timers";
import { Answers } from "../../src/admin/http/answers.ts";
import { Refusal } from "../../src/admin/http/requests.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { startWss } from "../_support/service/wss.ts";

const TEXT = { contentType: "text/plain" };
const PIECE = "x".repeat(1024);

/** Some pieces of 1 KiB, and how many of them were asked for. */
function counted(length: number) {
  const made = { count: 0 };
  function* pieces() {
    for (; made.count < length; made.count++) yield PIECE;
  }
  return { made, pieces: pieces() };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("an answer is made only as its peer takes it", async () => {
  const { made, pieces } = counted(10_000);
  const response = await new Answers().answer(pieces, TEXT);
  for (let i = 0; i < 100; i++) await nextTurn();
  assert(made.count <= 64, `${made.count} KiB`);
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += chunk.length;
  assertEquals(bytes, 10_000 * 1024);
});

Deno.test("an answer rests between its steps, so that other work goes on", async () => {
  let turns = 0;
  let isDone = false;
  (function count() {
    turns++;
    if (!isDone) setImmediate(count);
  })();
  const response = await new Answers().answer(Array.from({ length: 10_000 }, () => ""), TEXT);
  isDone = true;
  assertEquals(await response.text(), "");
  assert(turns >= 10_000 / 128 - 1, `${turns} turns`);
});

Deno.test("the answers under way are limited, and one that is not taken gives its place back", async () => {
  using clock = fakeTimeouts();
  const answers = new Answers();
  const long = () => answers.answer(counted(1000).pieces, TEXT);
  const given: Response[] = [];
  for (let i = 0; i < 16; i++) given.push(await long());
  await assertRejects(long, Refusal, "Too many answers are under way");
  await given[0]?.body?.cancel();
  await given[1]?.text();
  await long();
  await long();
  await assertRejects(long, Refusal);

  clock.tick(30_000);
  await assertRejects(async () => await given[2]?.text(), Error, "not taken within 30000 ms");
  for (let i = 0; i < 16; i++) await long();
  clock.tick(30_000);
});

Deno.test("an answer that can't be begun gives its place back, and one that can't be completed breaks off", async () => {
  const answers = new Answers();
  function* broken(length: number) {
    yield* counted(length).pieces;
    throw new Error("a defect");
  }
  for (let i = 0; i < 20; i++) {
    await assertRejects(() => answers.answer(broken(0), TEXT), Error, "a defect");
    const response = await answers.answer(broken(100), TEXT);
    await assertRejects(() => response.text(), Error, "a defect");
  }
});

Deno.test("each answer of the admin port can be asked for with HEAD, and has no body then", async () => {
  await using wss = await startWss();
  for (const path of ["/sessions", "/metrics", "/why?user=42", "/quarantine", "/dashboard.json"]) {
    const { status, text } = await wss.admin.request(path, { method: "HEAD" });
    assertEquals([status, text], [200, ""], path);
  }
});
