import { assert, assertEquals } from "@std/assert";
import type { Backend } from "../../src/backend/backend.ts";
import { ListBackend } from "../../src/backend/list_backend.ts";
import { ListRoom } from "../../src/outbox/list_room.ts";
import { NULL } from "../../src/protocol/frames.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";
import { holder } from "../_support/sessions/caller.ts";

/** As many as run side by side: MAX_INFLIGHT. */
const LISTS = 16;
/** Much more than MAX_BUFFERED_BYTES, and less than MAX_BACKEND_BYTES. */
const LARGE = 7_500_000;

type Socket = Awaited<ReturnType<typeof openRawSocket>>;

const jsonOf = (bytes: number) => `["${"x".repeat(bytes)}"]`;
const headers = { "content-type": "application/json" };
/** A body in many parts, whose length is not known before its end. */
const inParts = (text: string) =>
  new Response(new Blob([text]).stream().pipeThrough(new TransformStream()), { headers });
const schedule = (from: number, to = 1) => ({ where: { from, to, timezone: "UTC" } });

/** Connects a guest who reads only when told to. */
async function openGuest(wss: Wss) {
  const before = new Set(wss.service.sessions);
  const socket = await openRawSocket(`${wss.ws}/mobile`, { "sec-websocket-protocol": "wss.v1" });
  const [session] = new Set(wss.service.sessions).difference(before);
  if (!session) throw new Error("It has no session");
  return { socket, outbox: session.outbox, [Symbol.dispose]: () => socket[Symbol.dispose]() };
}

/** Asks for different lists in one go. */
async function ask(socket: Socket, to = 1): Promise<void> {
  for (let rid = 1; rid <= LISTS; rid++) {
    await socket.request({ rid, command: "getSchedules", options: schedule(rid, to) });
  }
}

/** Asks for different lists in one go, which are answered only when all have been asked for. */
async function askAtOnce(wss: Wss, socket: Socket, respond: () => Response): Promise<void> {
  const release = wss.backend.hold("GET /schedule", respond);
  await ask(socket);
  const releases = [];
  for (let n = 0; n < LISTS; n++) releases.push(await release());
  wss.backend.on("GET /schedule", respond);
  for (const letGo of releases) letGo();
}

const large = () => new Response(jsonOf(LARGE), { headers });

for (
  const [what, respond] of [
    ["", large],
    [" of unknown length", () => inParts(jsonOf(LARGE))],
  ] as const
) {
  Deno.test(`[LIM8] one large list${what} is under way or unsent; the others come one after another`, async () => {
    await using wss = await startWss();
    using guest = await openGuest(wss);
    const { socket, outbox } = guest;
    let most = 0;
    const isOne = () => {
      most = Math.max(most, outbox.unsentBytes + outbox.lists.bytes);
      return outbox.lists.waiting === LISTS - 1 && outbox.unsentBytes > LARGE;
    };

    await askAtOnce(wss, socket, respond);
    await until("all but one wait", isOne);

    assert(most < LARGE + 1000, `${most} bytes were held`);
    const asked = wss.backend.calls.length;
    assert(asked <= LISTS + 1, `${asked} requests`);
    const rids = new Set<number | undefined>();
    for (let n = 0; n < LISTS; n++) {
      const frame = await socket.readJson();
      isOne();
      assertEquals([frame?.status, frame?.payload[0].length], ["ok", LARGE]);
      rids.add(frame?.rid);
    }
    assertEquals(rids.size, LISTS);
    assert(most < LARGE + 1000, `${most} bytes were held`);
    assert(wss.backend.calls.length < 2 * LISTS, `${wss.backend.calls.length} requests`);
    assertEquals([outbox.lists.bytes, outbox.lists.waiting], [0, 0]);
  });
}

Deno.test("[LIM8] small lists of a session are asked for side by side", async () => {
  await using wss = await startWss();
  const release = wss.backend.hold("GET /schedule", () => new Response(jsonOf(2000), { headers }));
  using guest = await openGuest(wss);

  for (const to of [1, 2]) {
    await ask(guest.socket, to);
    const releases = [];
    for (let n = 0; n < LISTS; n++) releases.push(await release());
    for (const letGo of releases) letGo();
    for (let n = 0; n < LISTS; n++) assertEquals((await guest.socket.readJson())?.status, "ok");
  }

  assertEquals(wss.backend.calls.length, 2 * LISTS);
});

Deno.test("[LIM8] tournaments and answers with an error count as lists", async () => {
  await using wss = await startWss();
  const refusal = { status: 404, headers };
  wss.backend.on("GET /schedule", () => new Response(jsonOf(LARGE), refusal));
  const release = wss.backend.hold("GET /tournament", large);
  using guest = await openGuest(wss);
  const { socket, outbox } = guest;
  const getTournament = { command: "getTournament", options: { where: { id: "1" } } };
  await socket.request({ rid: 1, ...getTournament });
  await socket.request({ rid: 2, command: "getSchedules", options: schedule(1) });
  const letGo = await release();
  await until("the error is unsent", () => outbox.unsentBytes > LARGE);

  letGo();
  await until("the tournament waits", () => outbox.lists.waiting === 1);

  assertEquals(outbox.lists.bytes, 0);
  assertEquals((await socket.readJson())?.status, "error");
  (await release())();
  assertEquals((await socket.readJson())?.status, "ok");
});

Deno.test("[LIM8] a session without room does not take a list from one that asks for the same", async () => {
  await using wss = await startWss();
  wss.backend.on("GET /schedule", large);
  const release = wss.backend.hold("GET /tournament", large);
  using stuck = await openGuest(wss);
  const where = { id: "1" };
  await stuck.socket.request({ rid: 1, command: "getTournament", options: { where } });
  await stuck.socket.request({ rid: 2, command: "getSchedules", options: schedule(1) });
  const letGo = await release();
  await until("a list is unsent", () => stuck.outbox.unsentBytes > LARGE);
  using other = await openGuest(wss);
  await other.socket.request({ rid: 1, command: "getTournament", options: { where } });
  await other.socket.request({ rid: 2, command: "nonsense" });
  assertEquals((await other.socket.readJson())?.rid, 2);

  letGo();

  assertEquals((await other.socket.readJson())?.status, "ok");
  assertEquals([stuck.outbox.lists.waiting, wss.backend.calls.length], [1, 2]);
});

Deno.test("[LIM8][KAF3] the reloads of a session come one after another if their lists are large", async () => {
  await using wss = await startWss();
  using guest = await openGuest(wss);
  const { socket, outbox } = guest;
  await ask(socket);
  for (let n = 0; n < LISTS; n++) await socket.readJson();
  wss.backend.forget();
  const release = wss.backend.hold("GET /schedule", large);
  let most = 0;
  const held = () => most = Math.max(most, outbox.unsentBytes + outbox.lists.bytes);

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  const releases = [];
  for (let n = 0; n < LISTS; n++) releases.push(await release());
  wss.backend.on("GET /schedule", large);
  for (const letGo of releases) letGo();
  await until("all but one wait", () => {
    held();
    return outbox.lists.waiting === LISTS - 1 && outbox.unsentBytes > LARGE;
  });

  for (let n = 0; n < LISTS; n++) {
    assertEquals((await socket.readJson())?.status, "reload");
    held();
  }
  assert(most < LARGE + 1000, `${most} bytes were held`);
  assert(wss.backend.calls.length < 2 * LISTS, `${wss.backend.calls.length} requests`);
});

Deno.test("[LIM8] a session that ends while its lists wait asks for nothing more", async () => {
  await using wss = await startWss();
  const guest = await openGuest(wss);
  await askAtOnce(wss, guest.socket, large);
  const { lists } = guest.outbox;
  await until("a list is unsent", () => guest.outbox.unsentBytes > LARGE);
  assertEquals(lists.waiting, LISTS - 1);
  wss.backend.forget();

  guest.socket[Symbol.dispose]();
  await until("its session is gone", () => wss.service.sessions.size === 0);

  assertEquals([lists.waiting, lists.bytes, wss.backend.calls.length], [0, 0, 0]);
});

/** An outbox of which a test sets what is unsent. */
function createOutbox() {
  const waiting: (() => void)[] = [];
  return {
    unsentBytes: 0,
    handedUnits: 0,
    whenCaughtUp: (proceed: () => void) => waiting.push(proceed),
    drain() {
      this.unsentBytes = 0;
      for (const proceed of waiting.splice(0)) proceed();
    },
  };
}

Deno.test("[LIM8] a list that was let in alone is never refused, whatever is unsent when its size is known", async () => {
  const outbox = createOutbox();
  const room = new ListRoom(outbox, 1000);
  const { signal } = new AbortController();
  const small = await room.enter({ signal, alone: false });
  const large = await room.enter({ signal, alone: true });

  // The client has stopped to read, with a list among what is unsent.
  small.sent();
  outbox.handedUnits = 400;
  outbox.unsentBytes = 900;

  assertEquals(large.grow(5000), true);
  const next = room.enter({ signal, alone: true });
  assertEquals([room.bytes, room.waiting], [5000, 1]);
  large.sent();
  outbox.drain();
  (await next).leave();
  assertEquals([room.bytes, room.waiting], [0, 0]);
});

Deno.test("[LIM8] an update waits for no room, as nothing of its answer is kept", async () => {
  const room = new ListRoom(createOutbox(), 1000);
  const { signal } = new AbortController();
  const large = await room.enter({ signal, alone: true });
  large.grow(5000);
  const ok = { status: "ok", httpStatus: 200, payload: NULL, value: null } as const;
  const backend = new ListBackend({ put: () => Promise.resolve(ok) } as unknown as Backend, room);

  assertEquals(
    await backend.put("notification", "{}", { token: null, signal, holder: holder() }),
    ok,
  );
});
