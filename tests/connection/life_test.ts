import { assert, assertEquals } from "@std/assert";
import { CLOSE } from "../../src/protocol/close_codes.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const EMPTY = { keys: 0, users: 0 };

function text(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

Deno.test("[LIFE1] a silent client is pinged, and closed if it does not answer", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: 1 } });
  using socket = await openRawSocket(`${wss.ws}/web`);
  const start = performance.now();

  const ping = await socket.readFrame();
  const pingedAfter = performance.now() - start;
  const close = await socket.readFrame();

  assertEquals([ping?.opcode, close?.opcode], [9, 8]);
  assert(pingedAfter > 900, `pinged after ${pingedAfter} ms`);
  await until("the session is gone", () => wss.service.sessions.size === 0);
});

Deno.test("[LIFE1] a client that answers pings stays connected", async () => {
  await using wss = await startWss({ settings: { PING_SECONDS: 1 } });
  using socket = await openRawSocket(`${wss.ws}/web`);

  for (let i = 0; i < 3; i++) {
    const ping = await socket.readFrame();
    assertEquals(ping?.opcode, 9);
    await socket.sendFrame(ping?.payload ?? new Uint8Array(), { opcode: 10 });
  }

  await socket.sendFrame(text({ rid: 1, command: "authentication", options: {} }));
  assertEquals((await socket.readFrame())?.opcode, 1);
});

Deno.test("[LIFE2] the table has exactly these close codes, and each reason fits into a frame", async () => {
  const codes = Object.values(CLOSE);
  assertEquals([...new Set(codes.map(({ code }) => code))], [
    1003,
    1009,
    1011,
    1012,
    4001,
    4008,
    4029,
    4401,
    4503,
  ]);
  for (const { reason } of codes) assert(new TextEncoder().encode(reason).length <= 123);

  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 10 } });
  await using binary = await wss.connect("/web");
  await using big = await wss.connect("/web");
  await using other = await wss.connect("/web");
  binary.socket.send(new Uint8Array(1));
  big.send("x".repeat(11));
  assertEquals(await binary.ended, {
    code: CLOSE.unsupportedData.code,
    reason: CLOSE.unsupportedData.reason,
  });
  assertEquals(await big.ended, {
    code: CLOSE.messageTooBig.code,
    reason: CLOSE.messageTooBig.reason,
  });
  await wss.stop();
  assertEquals(await other.ended, {
    code: CLOSE.restart.code,
    reason: CLOSE.restart.reason,
  });
});

Deno.test("[LIFE3] a session leaves nothing behind, in whatever way it ends", async () => {
  await using wss = await startWss();
  const { sessions, reloads } = wss.service;
  const list = { rid: 2, command: "getMyNotifications", options: LIST };
  const login = { rid: 1, command: "authentication", options: { authToken: "alice" } };
  const open = async () => {
    const socket = await openRawSocket(`${wss.ws}/web`);
    await socket.sendFrame(text(login));
    await socket.sendFrame(text(list));
    await socket.readFrame();
    await socket.readFrame();
    return socket;
  };
  const ways: Record<string, (socket: Awaited<ReturnType<typeof open>>) => Promise<void> | void> = {
    "by a close frame": (socket) => socket.sendFrame(new Uint8Array([3, 232]), { opcode: 8 }),
    "by hanging up": (socket) => socket[Symbol.dispose](),
    "in the middle of a frame": async (socket) => {
      await socket.sendFrame(text(list).subarray(0, 9), { fin: false });
      socket[Symbol.dispose]();
    },
    "by a frame that is not allowed": (socket) =>
      socket.sendFrame(new Uint8Array(1), { opcode: 2 }),
    "by a frame that is garbage": (socket) => socket.sendFrame(new Uint8Array(1), { opcode: 7 }),
  };
  for (const [way, end] of Object.entries(ways)) {
    const socket = await open();
    assertEquals([sessions.size, sessions.indexSizes()], [1, { keys: 2, users: 1 }], way);

    await end(socket);

    await until(`the session is gone that ended ${way}`, () => sessions.size === 0);
    assertEquals(sessions.indexSizes(), EMPTY, way);
    try {
      socket[Symbol.dispose]();
    } catch {
      // The connection is already closed.
    }
  }
  assertEquals(reloads.size, 0);
});

Deno.test("[LIFE3] a connection closes while its list is being fetched", async () => {
  await using wss = await startWss();
  const release = wss.backend.hold("GET /notification");
  const client = await wss.connect("/web", { token: "alice" });
  client.ask("getMyNotifications", LIST);
  client.ask("getMyNotifications", LIST);
  const letGo = await release();
  assertEquals(wss.service.sessions.indexSizes().keys, 2);

  await client[Symbol.asyncDispose]();
  await until("the session is gone", () => wss.service.sessions.size === 0);
  letGo();

  await using another = await wss.connect("/web", { token: "alice" });
  await another.pushesUntilIdle();
  assertEquals(wss.service.sessions.indexSizes(), { keys: 0, users: 1 });
  // The backend was never asked for the second list.
  assertEquals(wss.backend.calls.filter(({ url }) => url === "/notification").length, 1);
});

Deno.test("[LIFE3] a connection closes while its reload is under way, or waits", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: 1 } });
  const client = await wss.connect("/web", { token: "alice" });
  const ids = [
    (await client.request("getMyNotifications", LIST)).event,
    (await client.request("getMyNotifications", { where: { types: ["a"] } })).event,
  ];
  const release = wss.backend.hold("GET /notification");
  wss.publish("update_subscription", { subscriptions: ids, options: { reload: true } });
  await release();
  assertEquals(wss.service.reloads.size, 2);

  await client[Symbol.asyncDispose]();

  await until("no reload is left", () => wss.service.reloads.size === 0);
  assertEquals(wss.service.sessions.indexSizes(), EMPTY);
});

Deno.test("[LIFE3] a login that is waiting when its connection ends has no effect", async () => {
  await using wss = await startWss();
  // The user API has answered.
  await (await wss.connect("/mobile", { token: "alice" }))[Symbol.asyncDispose]();
  await using client = await wss.connect("/mobile");
  const release = wss.backend.hold("GET /tournament");
  client.ask("getTournament", { where: { id: "1" } });
  client.ask("authentication", { authToken: "alice" });
  await release();

  client.socket.close();

  await until("its socket is gone", () => wss.service.connections === 0);
  assertEquals(wss.service.sessions.indexSizes(), EMPTY);
  assertEquals(wss.service.revalidation.size, 0);
});
