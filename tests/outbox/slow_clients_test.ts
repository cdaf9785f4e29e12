import { assert, assertEquals } from "@std/assert";
import { Outbox, SlowClients } from "../../src/outbox/outbox.ts";
import { fakePerformance } from "../_support/clock.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const MIB = 1024 ** 2;
/** More than the operating system buffers for a local connection. */
const MESSAGES = 1500;
const TEXT = "x".repeat(10_000);

function publish(wss: Wss, n: number): void {
  wss.publish("notification", { userId: "42", type: "a", data: { n, text: TEXT } });
}

/** Connects a client that is subscribed, and reads only when it is told to. */
async function openClient(wss: Wss) {
  const socket = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-protocol": "wss.v1" });
  await socket.request({ rid: 1, command: "authentication", options: { authToken: "alice" } });
  await socket.request({ rid: 2, command: "getMyNotifications", options: LIST });
  await socket.readJson();
  const { event = "" } = await socket.readJson() ?? {};
  const [session] = wss.service.sessions.ofUser("42");
  if (!session) throw new Error("It has no session");
  return { socket, event, session };
}

/** Publishes a few messages in each turn of the event loop. Returns the most bytes that were unsent. */
async function publishMany(wss: Wss, unsent: () => number): Promise<number> {
  let most = 0;
  for (let n = 0; n < MESSAGES; n++) {
    publish(wss, n);
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    most = Math.max(most, unsent());
  }
  return most;
}

Deno.test("[SLOW1] a slow client gets every message, once and in order, and little is held for it", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 1 } });
  const { socket, session, event } = await openClient(wss);
  using _ = socket;
  socket.limitReading(4 * MIB);

  const publishing = publishMany(wss, () => session.outbox.unsentBytes);
  let mostLater = 0;
  for (let n = 0; n < MESSAGES; n++) {
    const frame = await socket.readJson();
    assertEquals({ event: frame?.event, status: frame?.status, n: frame?.payload?.n }, {
      event,
      status: "update",
      n,
    });
    mostLater = Math.max(mostLater, session.outbox.unsentBytes);
  }

  const most = Math.max(mostLater, await publishing);
  assert(most > MIB && most < MIB + 2 * TEXT.length, `${most} bytes were unsent`);
  publish(wss, MESSAGES);
  assertEquals((await socket.readJson())?.payload.n, MESSAGES);
  assertEquals(wss.service.slowClients.size, 0);
});

Deno.test("[SLOW1] a client that pauses for 5 s gets every message, once and in order", async () => {
  using clock = fakePerformance();
  await using wss = await startWss();
  const { socket } = await openClient(wss);
  using _ = socket;

  await publishMany(wss, () => 0);
  assert(wss.service.slowClients.size === 1, "it is behind");
  clock.tick(5000);

  for (let n = 0; n < MESSAGES; n++) assertEquals((await socket.readJson())?.payload.n, n);
  assertEquals(wss.service.sessions.size, 1);
});

Deno.test("[SLOW1] the commands of a client that is behind wait until it has caught up", async () => {
  await using wss = await startWss();
  const { socket } = await openClient(wss);
  using _ = socket;
  await publishMany(wss, () => 0);
  wss.backend.forget();

  await socket.request({
    rid: 3,
    command: "getMyNotificationsCount",
    options: { ...LIST, status: "read" },
  });
  await socket.request({ rid: 4, command: "nonsense" });
  const frames = [];
  for (let n = 0; n < MESSAGES; n++) {
    const frame = await socket.readJson();
    if (frame?.rid === -1) continue;
    frames.push(frame);
    n--;
  }
  while (frames.length < 2) frames.push(await socket.readJson());

  assertEquals(frames.map((frame) => [frame?.rid, frame?.status]), [[4, "error"], [3, "ok"]]);
});

Deno.test("[SLOW1] if the window no longer has all that a client missed, it gets a resync, and then new messages", async () => {
  await using wss = await startWss({ settings: { RECOVERY_MAX_BYTES: 100_000 } });
  const { socket, event } = await openClient(wss);
  using _ = socket;

  await publishMany(wss, () => 0);
  let n = 0;
  let frame = await socket.readJson();
  for (; frame?.status === "update"; n++) {
    assertEquals(frame.payload.n, n);
    frame = await socket.readJson();
  }

  assert(n < MESSAGES, "something was lost");
  assertEquals({ event: frame?.event, status: frame?.status, payload: frame?.payload }, {
    event,
    status: "resync",
    payload: { missed: null },
  });
  publish(wss, MESSAGES);
  assertEquals((await socket.readJson())?.payload.n, MESSAGES);
});

Deno.test("[SLOW1] the reload of a client that is behind is fetched once there is room", async () => {
  await using wss = await startWss();
  const { socket, event } = await openClient(wss);
  using _ = socket;
  await publishMany(wss, () => 0);
  wss.backend.forget();

  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  publish(wss, MESSAGES);
  assertEquals(wss.backend.calls, []);

  for (let n = 0; n < MESSAGES; n++) assertEquals((await socket.readJson())?.payload.n, n);
  assertEquals((await socket.readJson())?.status, "reload");
  assertEquals((await socket.readJson())?.payload.n, MESSAGES);
});

Deno.test("[SLOW2] a client that reads nothing is closed with 4008, and its session ends at once", async () => {
  using clock = fakePerformance();
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 10 } });
  const { socket, session } = await openClient(wss);
  using _ = socket;
  await using other = await wss.connect("/web", { token: "bob" });

  const most = await publishMany(wss, () => session.outbox.unsentBytes);
  assertEquals(wss.service.sessions.size, 2);
  // One MiB was unsent, and a part of a second one.
  clock.tick(20_000);
  await until("its session is gone", () => wss.service.sessions.size === 1);

  assert(most < MIB + 2 * TEXT.length, `${most} bytes were unsent`);
  assertEquals(wss.service.sessions.indexSizes(), { keys: 0, users: 1 });
  assertEquals([wss.service.slowClients.size, wss.service.connections], [0, 2]);
  assertEquals((await other.request("getMyNotifications", LIST)).status, "ok");
});

Deno.test("[SLOW2] a client that sends nonsense and reads nothing is closed, and little is held for it", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 1 } });
  const { socket, session } = await openClient(wss);
  using _ = socket;
  const nonsense = { rid: 3, command: "x".repeat(8000), options: {} };
  let most = 0;
  (async () => {
    for (let i = 0; i < 3000; i++) await socket.request(nonsense);
  })().catch(() => {});

  await until("its session is gone", () => {
    most = Math.max(most, session.outbox.unsentBytes);
    return wss.service.sessions.size === 0;
  });

  assert(most < 2.2 * MIB, `${most} bytes were unsent`);
});

Deno.test("[SLOW2] a client that is never behind is not closed, however slowly it reads", async () => {
  await using wss = await startWss({
    settings: { SLOW_TIMEOUT_SECONDS: 0.2, MAX_BUFFERED_BYTES: 8 * MIB },
  });
  const list = `["${"x".repeat(7.5 * MIB)}"]`;
  const { socket } = await openClient(wss);
  using _ = socket;
  const headers = { "content-type": "application/json" };
  const release = wss.backend.hold("GET /notification", () => new Response(list, { headers }));
  await socket.request({ rid: 3, command: "getMyNotifications", options: LIST });
  const letGo = await release();
  publish(wss, 0);
  letGo();

  socket.limitReading(8 * MIB);
  assertEquals((await socket.readJson())?.rid, 3);
  assertEquals((await socket.readJson())?.payload.n, 0);
});

/** An outbox of a socket on which that much is unsent. */
function outboxWith(unsentBytes: number) {
  const socket = {
    readyState: WebSocket.OPEN,
    bufferedAmount: unsentBytes,
    send: (frame: unknown) => void (socket.bufferedAmount += String(frame).length),
  };
  const client = {
    closedAsTooSlow: false,
    closeAsTooSlow: () => void (client.closedAsTooSlow = true),
  };
  const slowClients = new SlowClients();
  const limits = { maxBufferedBytes: MIB, slowTimeoutMs: 10_000 };
  const outbox = new Outbox(socket, client, { limits, slowClients });
  return { outbox, socket, client, slowClients, [Symbol.dispose]: () => outbox.end() };
}

Deno.test("[SLOW2] a client has SLOW_TIMEOUT_SECONDS for each MAX_BUFFERED_BYTES, or part of it", () => {
  using clock = fakePerformance();
  using two = outboxWith(MIB);
  using three = outboxWith(2.5 * MIB);
  const isClosedAfter = (ms: number) => {
    clock.tick(ms);
    for (const { outbox } of [two, three]) outbox.check(performance.now());
    return [two.client.closedAsTooSlow, three.client.closedAsTooSlow];
  };
  for (const { outbox } of [two, three]) outbox.send("x");

  assertEquals(isClosedAfter(19_999), [false, false]);
  assertEquals(isClosedAfter(1), [true, false]);
  assertEquals(isClosedAfter(9999), [true, false]);
  assertEquals(isClosedAfter(1), [true, true]);
});

Deno.test("[SLOW2] a client that falls behind with the last message that it missed is noticed", () => {
  using slow = outboxWith(700_000);
  const { outbox, socket, slowClients } = slow;
  outbox.whenRoom(() => outbox.send("x".repeat(900_000)));
  socket.bufferedAmount = 400_000;

  outbox.check(performance.now());

  assertEquals([outbox.isBehind, slowClients.size], [true, 1]);
});
