import { assertEquals, assertRejects } from "@std/assert";
import { BodyRoom } from "../../../src/backend/places/body_room.ts";
import { startWss } from "../../_support/service/wss.ts";

const MIB = 1024 ** 2;
const { signal } = new AbortController();

/** A room for 16 MiB, and the names of the answers that were let in, in order. */
function trial() {
  const room = new BodyRoom(16 * MIB);
  const letIn: string[] = [];
  const begin = async (name: string, mib: number) => {
    const place = room.begin();
    place.grow(mib * MIB, signal).then(() => letIn.push(name));
    await settle();
    return place;
  };
  return { room, letIn, begin };
}

/** Lets all promises go on that can. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

Deno.test("answers beyond the room wait, in order, and small ones do not", async () => {
  const { letIn, begin } = trial();
  const first = await begin("first", 10);
  await begin("too large", 8);
  await begin("behind it", 4);
  await begin("small", 1 / 16);
  assertEquals(letIn, ["first", "small"]);

  first.leave();
  await settle();

  assertEquals(letIn, ["first", "small", "too large", "behind it"]);
});

Deno.test("the oldest answer always goes on, so that answers whose size is not known end", async () => {
  const { letIn, begin } = trial();
  const [first, second] = [await begin("first", 8), await begin("second", 8)];
  const grown: string[] = [];

  second.grow(9 * MIB, signal).then(() => grown.push("second"));
  first.grow(9 * MIB, signal).then(() => grown.push("first"));
  await settle();
  assertEquals(grown, ["first"]);
  first.leave();
  await settle();

  assertEquals(grown, ["first", "second"]);
  assertEquals(letIn, ["first", "second"]);
});

Deno.test("an answer that is not wanted any more waits no longer", async () => {
  const { room, letIn, begin } = trial();
  const first = await begin("first", 16);
  const abort = new AbortController();
  const place = room.begin();
  const waiting = place.grow(MIB, abort.signal);
  abort.abort("not wanted");
  await assertRejects(() => waiting);
  place.leave();
  await begin("third", 1);
  assertEquals(letIn, ["first"]);

  first.leave();
  await settle();

  assertEquals(letIn, ["first", "third"]);
});

Deno.test("[LIM8] while large lists of others are read, one more waits, and small ones do not", async () => {
  const list = new TextEncoder().encode(JSON.stringify(["x".repeat(2 * MIB - 4)]));
  const headers = { "content-length": String(list.length) };
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const under: ReadableStreamDefaultController<Uint8Array>[] = [];
  wss.backend.on("GET /schedule", ({ url }) => {
    if (url.includes("to=100")) return Response.json([]);
    if (under.length === 4) return new Response(list);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void under.push(controller),
    });
    return new Response(body, { headers });
  });
  const answered: number[] = [];
  const ask = async (by: typeof client, to: number) => {
    const where = { from: 1, to, timezone: "UTC" };
    const { status } = await by.request("getSchedules", { where });
    assertEquals(status, "ok");
    answered.push(to);
  };
  await using stack = new AsyncDisposableStack();
  const asking: Promise<void>[] = [];
  for (let to = 2; to <= 6; to++) {
    // The answers before it have begun.
    await ask(client, 100);
    await ask(client, 100);
    asking.push(ask(stack.use(await wss.connect("/mobile")), to));
  }

  for (let i = 0; i < 5; i++) await ask(client, 100);
  assertEquals(answered.filter((to) => to !== 100), []);
  const [first, ...others] = under;
  first?.enqueue(list);
  await asking[0];
  await asking[4];

  assertEquals(answered.filter((to) => to !== 100), [2, 6]);
  for (const controller of others) controller.enqueue(list);
  await Promise.all(asking);
});
