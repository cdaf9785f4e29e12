import { assert, assertEquals, assertRejects } from "@std/assert";
import { setImmediate } from "node:timers";
import { Answers } from "../../src/admin/http/answers.ts";
import { Refusal } from "../../src/admin/http/requests.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { until } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const TEXT = { contentType: "text/plain", address: "192.0.2.1" };
const PIECE = "x".repeat(1024);

/** Some pieces of 1 KiB, how many of them were asked for, and whether their generator has ended. */
function counted(length: number) {
  const made = { count: 0, isEnded: false };
  function* pieces() {
    try {
      for (; made.count < length; made.count++) yield PIECE;
    } finally {
      made.isEnded = true;
    }
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
  let count = 0;
  const long = () => {
    const address = `192.0.2.${count++ % 16}`;
    return answers.answer(counted(1000).pieces, { ...TEXT, address });
  };
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

Deno.test("an answer that is aborted or not taken in time ends its pieces", async () => {
  using clock = fakeTimeouts();
  const aborted = counted(1000);
  await (await new Answers().answer(aborted.pieces, TEXT)).body?.cancel();
  assert(aborted.made.isEnded);

  const late = counted(1000);
  const response = await new Answers().answer(late.pieces, TEXT);
  assert(!late.made.isEnded);
  clock.tick(30_000);
  await assertRejects(() => response.text(), Error, "not taken");
  assert(late.made.isEnded);
});

Deno.test("peers of one address that read nothing hold up no others", async () => {
  const answers = new Answers();
  const statuses: number[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (_request, { remoteAddr: { hostname: address } }) => {
      try {
        const response = await answers.answer(counted(100_000).pieces, { ...TEXT, address });
        statuses.push(response.status);
        return response;
      } catch (error) {
        statuses.push(error instanceof Refusal ? error.status : 500);
        return new Response("", { status: 503 });
      }
    },
  );
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < 6; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
    conns.push(conn);
    await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await until("the request has come", () => statuses.length > i);
  }
  assertEquals(statuses, [200, 200, 200, 200, 503, 503]);
  const mapped = { ...TEXT, address: "::ffff:127.0.0.1" };
  await assertRejects(() => answers.answer(counted(1).pieces, mapped), Refusal);
  const other = await answers.answer(counted(1).pieces, { ...TEXT, address: "192.0.2.2" });
  assertEquals(other.status, 200);

  for (const conn of conns) conn.close();
  await until("a place is free", () => isGiven(answers));
});

async function isGiven(answers: Answers): Promise<boolean> {
  return await answers.answer([], { ...TEXT, address: "127.0.0.1" }).then(() => true, () => false);
}

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
