import FakeTimers from "@sinonjs/fake-timers";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { setImmediate } from "node:timers/promises";
import { Batches } from "../../src/outbox/batching.ts";
import { connect } from "../../src/client/mod.ts";
import { type Frame, messagesOf } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const BATCH = { protocols: ["wss.v1.batch"] };
const LIST = { where: { types: [] } };
const KIB = 1024;
const MIB = 1024 ** 2;

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

function publish(wss: Wss, data: unknown): void {
  wss.publish("notification", { userId: "42", type: "a", data });
}

function sessionOf(wss: Wss) {
  const [session] = wss.service.sessions.ofUser("42");
  if (!session) throw new Error("It has no session");
  return session;
}

/** Connects a client and subscribes it. */
async function openSubscribed(wss: Wss, options: Parameters<Wss["connect"]>[1] = BATCH) {
  const client = await wss.connect("/web", { ...options, token: "alice" });
  const { event, cursor } = await client.request("getMyNotifications", LIST);
  return { client, event, cursor };
}

/** Connects a client that is subscribed, and reads only when it is told to. */
async function openSlow(wss: Wss) {
  const socket = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-protocol": "wss.v1.batch" });
  await socket.request([
    { rid: 1, command: "authentication", options: { authToken: "alice" } },
    { rid: 2, command: "getMyNotifications", options: LIST },
  ]);
  const frames: Frame[] = [];
  const read = async () => {
    while (frames.length === 0) {
      const frame = await socket.readFrame();
      assertEquals(frame?.opcode, 1);
      frames.push(...messagesOf(new TextDecoder().decode(frame?.payload)));
    }
    return frames.shift() as Frame;
  };
  assertEquals([(await read()).rid, (await read()).rid], [1, 2]);
  return { socket, read, session: sessionOf(wss) };
}

/** A socket that records what is sent, and how it is closed. */
function createSocket() {
  const sent: string[] = [];
  const socket = {
    readyState: WebSocket.OPEN as number,
    bufferedAmount: 0,
    send: (frame: unknown) => void sent.push(String(frame)),
    close: (code?: number) => void sent.push(`closed with ${code}`),
  };
  return { socket, sent };
}

Deno.test("[BAT1] many clients are sent their frames in time slices, one client after another", async () => {
  const batches = new Batches();
  const sockets = Array.from({ length: 10 }, () => createSocket());
  const sends = (from: number, to: number) => {
    for (const { socket } of sockets.slice(from, to)) batches.wrap(socket).send("{}");
  };
  const { now } = Date;
  let looks = 0;
  // A second passes between two reads of the clock, so that a turn is over after one socket.
  Date.now = () => now() + 1000 * looks++;
  try {
    sends(0, 5);
    await setImmediate();
    // These are added while the first sockets are being flushed.
    sends(5, 10);
    const bySocket = () => sockets.map(({ sent }) => sent.length).join("");
    let before = bySocket();
    while (before.includes("0")) {
      await setImmediate();
      const after = bySocket();
      assert(after === before || after === before.replace("0", "1"), `${before}, then ${after}`);
      before = after;
    }
  } finally {
    Date.now = now;
  }
});

Deno.test("[BAT1] wss.v1.batch is confirmed to a client that offers it, in any order", async () => {
  await using wss = await startWss();
  for (
    const [offered, confirmed] of [
      ["wss.v1.batch", "wss.v1.batch"],
      ["wss.v1.batch, wss.v1", "wss.v1.batch"],
      ["bearer.YWxpY2U,wss.v1,wss.v1.batch", "wss.v1.batch"],
      ["wss.v1, wss.v1.batches", "wss.v1"],
    ] as const
  ) {
    using socket = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-protocol": offered });
    assertEquals(/sec-websocket-protocol: (.*)\r/i.exec(socket.head)?.[1], confirmed);
  }
  await using _client = await wss.connect("/web", { ...BATCH, token: "alice" });
  assertEquals(wss.service.sessions.ofUser("42").map((session) => session.knowsVersion1), [true]);
});

Deno.test("[BAT1] the pushes of one turn are one array; a single push is an object", async () => {
  await using wss = await startWss();
  const { client, event } = await openSubscribed(wss);
  await using _client = client;
  const { client: plain } = await openSubscribed(wss, { protocols: ["wss.v1"] });
  await using _plain = plain;

  for (let n = 0; n < 20; n++) publish(wss, n);
  const burst = JSON.parse(await client.nextText());
  publish(wss, 20);
  const alone = JSON.parse(await client.nextText());

  const plainFrames = [];
  for (let n = 0; n <= 20; n++) plainFrames.push(JSON.parse(await plain.nextText()));
  assertEquals([...burst, alone], plainFrames);
  assertEquals([alone.event, alone.payload], [event, 20]);
});

Deno.test("[BAT1] a list and the pushes that were held back for it arrive in order", async () => {
  await using wss = await startWss();
  const { client } = await openSubscribed(wss);
  await using _client = client;
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  for (let n = 0; n < 3; n++) publish(wss, n);
  // However busy the machine is, the pushes go out in the turn of the reply.
  const clock = FakeTimers.install({ toFake: ["Date"] });
  letGo();

  const [reply, ...pushes] = messagesOf(await client.nextText());
  clock.uninstall();

  assertEquals(reply?.rid, rid);
  assertEquals(pushes.map(({ payload }) => payload), [0, 1, 2]);
});

Deno.test("[BAT1] a client that resumes gets everything that it missed, once and in order", async () => {
  await using wss = await startWss();
  const { client: before, cursor } = await openSubscribed(wss);
  await before[Symbol.asyncDispose]();
  const MISSED = 300;
  for (let n = 0; n < MISSED; n++) publish(wss, n);

  await using client = await wss.connect("/web", { ...BATCH, token: "alice" });
  const reply = await client.request("getMyNotifications", { ...LIST, since: cursor });
  assertEquals([reply.status, reply.recovered], ["ok", true]);
  for (let n = 0; n < MISSED; n++) assertEquals((await client.next()).payload, n);
  publish(wss, MISSED);
  assertEquals((await client.next()).payload, MISSED);
});

Deno.test("[BAT1][LIFE4] kept messages go out before the close frame", async () => {
  await using wss = await startWss({ settings: { DRAIN_SECONDS: 0 } });
  const { client } = await openSubscribed(wss);
  await using _client = client;

  publish(wss, "last");
  const stopped = wss.stop();

  assertEquals((await client.next()).payload, "last");
  assertEquals((await client.next()).status, "reconnect");
  assertEquals((await client.ended).code, 1012);
  await stopped;
});

Deno.test("[BAT1] closing sends the kept messages first; if the socket is closed, they are dropped", async () => {
  const batches = new Batches();
  const [closing, gone] = [createSocket(), createSocket()];
  const [toClosing, toGone] = [batches.wrap(closing.socket), batches.wrap(gone.socket)];
  for (const socket of [toClosing, toGone]) {
    socket.send("1");
    socket.send("2");
  }

  toClosing.close(1003);
  gone.socket.readyState = WebSocket.CLOSED;

  assertEquals(closing.sent, ["[1,2]", "closed with 1003"]);
  await until("nothing is kept", () => toGone.bufferedAmount === 0);
  assertEquals([closing.sent.length, gone.sent], [2, []]);
});

Deno.test("[BAT1] the client library offers wss.v1.batch, and gets every push of a burst", async () => {
  await using wss = await startWss();
  let frames = 0;
  using client = connect(`${wss.ws}/web`, {
    token: () => "alice",
    onFrame: (direction) => direction === "in" && frames++,
  });
  const inbox = client.notifications();
  await inbox.next();

  for (let n = 0; n < 500; n++) publish(wss, n);

  for (let data = 0; data < 500; data++) {
    assertEquals((await inbox.next()).value, { kind: "update", data });
  }
  assertEquals(frames, 1 + Math.ceil(500 / 64));
});

Deno.test("[BAT2] an array has at most 64 messages, and the next frame has those that follow", async () => {
  await using wss = await startWss();
  const { client } = await openSubscribed(wss);
  await using _client = client;

  for (let n = 0; n < 129; n++) publish(wss, n);
  const texts = [await client.nextText(), await client.nextText(), await client.nextText()];

  assertEquals(texts.map((text) => messagesOf(text).length), [64, 64, 1]);
  assertEquals(texts[2]?.[0], "{");
  assertEquals(texts.flatMap(messagesOf).map(({ payload }) => payload), [...Array(129).keys()]);
});

Deno.test("[BAT2] an array has at most 64 KiB; a larger message is a frame of its own", async () => {
  await using wss = await startWss();
  const { client } = await openSubscribed(wss);
  await using _client = client;
  // Each letter has two bytes, so that the length of the text is not its bytes.
  const sizes = [1, 6000, 6000, 40_000, 1, 1, 33_000, 10_000, 10_000, 10_000, 1];

  for (const size of sizes) publish(wss, "é".repeat(size));
  const lengths: number[][] = [];
  while (lengths.flat().length < sizes.length) {
    const text = await client.nextText();
    const messages = messagesOf(text);
    lengths.push(messages.map(({ payload }) => payload.length));
    assert(messages.length === 1 || bytesOf(text) <= 64 * KIB);
    assertEquals(text.startsWith("["), messages.length > 1);
  }

  assertEquals(lengths, [
    [1, 6000, 6000],
    [40_000],
    [1, 1],
    [33_000],
    [10_000, 10_000, 10_000, 1],
  ]);
});

Deno.test("[BAT2] for any sequence of messages, each client gets them in order, in frames as full as possible", async () => {
  const message = fc.oneof(
    { arbitrary: fc.string({ unit: "grapheme" }), weight: 4 },
    fc.integer({ min: 1, max: 70_000 }).map((length) => "ж".repeat(length)),
  ).map((text) => JSON.stringify(text));
  /** Messages, each sent some times in a row to some of three sockets. */
  const turn = fc.array(
    fc.record({
      message,
      times: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 70 })),
      to: fc.subarray([0, 1, 2], { minLength: 1 }),
    }),
    { maxLength: 8 },
  );
  await fc.assert(fc.asyncProperty(fc.array(turn, { maxLength: 3 }), async (turns) => {
    const batches = new Batches();
    const ends = Array.from({ length: 3 }, () => {
      const { socket, sent } = createSocket();
      return { socket: batches.wrap(socket), sent };
    });
    for (const sends of turns) {
      const given: string[][] = [[], [], []];
      for (const { message, times, to } of sends) {
        for (let i = 0; i < times; i++) {
          for (const end of to) {
            ends[end]?.socket.send(message);
            given[end]?.push(message);
          }
        }
      }
      await until("all is sent", () => ends.every(({ socket }) => socket.bufferedAmount === 0));
      for (const [i, { sent }] of ends.entries()) assertPacked(sent.splice(0), given[i] ?? []);
    }
  }));
});

/** Expects these messages, in order, in frames that could not have held the next message as well. */
function assertPacked(frames: string[], messages: string[]): void {
  let at = 0;
  for (const frame of frames) {
    const { length } = frame.startsWith("[") ? JSON.parse(frame) : [frame];
    const own = messages.slice(at, at + length);
    at += length;
    assertEquals(frame === (length === 1 ? own[0] : `[${own.join(",")}]`), true);
    if (length > 1) assert(length <= 64 && bytesOf(frame) <= 64 * KIB);
    const [next] = messages.slice(at);
    const more = `[${[...own, next].join(",")}]`;
    assert(next === undefined || length === 64 || bytesOf(more) > 64 * KIB);
  }
  assertEquals(at, messages.length);
}

Deno.test("[BAT3] messages that wait for the end of the turn count as unsent, and can put a client behind", async () => {
  await using wss = await startWss({ settings: { MAX_BUFFERED_BYTES: 2048 } });
  const { client } = await openSubscribed(wss);
  await using _client = client;
  const session = sessionOf(wss);
  const text = "é".repeat(500);

  publish(wss, text);
  const { unsentBytes, hasRoom, isBehind } = session.outbox;
  publish(wss, text);

  assert(unsentBytes > 1000 && unsentBytes < 1400, `${unsentBytes} bytes`);
  assertEquals([hasRoom, isBehind, session.outbox.isBehind], [false, false, true]);
  publish(wss, "held back");
  assertEquals(messagesOf(await client.nextText()).length, 2);
  assertEquals((await client.next()).payload, "held back");
  assertEquals(session.outbox.isBehind, false);
});

Deno.test("[BAT3][SLOW1] a slow client gets every message, once and in order, and little is held for it", async () => {
  await using wss = await startWss();
  const { socket, read, session } = await openSlow(wss);
  using _ = socket;
  const MESSAGES = 1500;
  const text = "x".repeat(10_000);

  let most = 0;
  for (let n = 0; n < MESSAGES; n++) {
    publish(wss, { n, text });
    most = Math.max(most, session.outbox.unsentBytes);
    if (n % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(wss.service.slowClients.size, 1);
  for (let n = 0; n < MESSAGES; n++) {
    assertEquals((await read()).payload.n, n);
    most = Math.max(most, session.outbox.unsentBytes);
  }

  assert(most > MIB && most < MIB + 2 * text.length, `${most} bytes were unsent`);
  publish(wss, { n: MESSAGES });
  assertEquals((await read()).payload.n, MESSAGES);
});

Deno.test("[BAT3][SLOW2] a client that reads nothing is closed with 4008", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 0.1 } });
  const { socket } = await openSlow(wss);
  using _ = socket;

  for (let n = 0; n < 150; n++) {
    for (let i = 0; i < 10; i++) publish(wss, "x".repeat(10_000));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await until("its session is gone", () => wss.service.sessions.size === 0);

  assertEquals(wss.service.slowClients.size, 0);
  const closed = { name: "wss_disconnects_total", labels: { reason: "too_slow" } };
  assertEquals(await wss.admin.metric(closed), 1);
});
