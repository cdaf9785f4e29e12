/**
 * Records for many subscriptions are delivered in time slices: to 128 subscriptions in the first, to the
 * others when the test yields to the event loop. These tests are about what happens in between.
 */
import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import type { Client, Frame } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";
import { ALL_KEPT } from "../_support/sessions/caller.ts";

const CLIENTS = 200;
const FIRST_SLICE = 128;
const LIST = { where: { types: [] } };

/** Makes clients that subscribe one after another. */
async function subscribeMany(wss: Wss, optionsOf: (i: number) => unknown = () => LIST) {
  const clients: Client[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    await client.request("getMyNotifications", optionsOf(i));
    clients.push(client);
  }
  const subscriptions = [...wss.service.sessions].flatMap((session) => [...session.subscriptions]);
  const [first, last] = [subscriptions[0], subscriptions.at(-1)];
  if (!first || !last) throw new Error("There are no subscriptions");
  return {
    clients,
    subscriptions,
    /** A record is delivered to the first in the first slice, and to the last in the second. */
    first: { client: clients[0] as Client, subscription: first },
    last: { client: clients.at(-1) as Client, subscription: last },
    /** The payloads of the pushes of each client, once so many records have been delivered. */
    async pushes(records = 1) {
      const { stream, sessions } = wss.service;
      await until(
        "all records are delivered",
        () => stream.positions[0] === records && [...sessions].every(({ isLive }) => isLive),
      );
      const all = await Promise.all(clients.map((client) => client.pushesUntilIdle()));
      return all.map((frames) =>
        frames.filter(({ event }) => event !== "stream").map(({ payload }) => payload)
      );
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
    },
  };
}

/** Publishes a record. If no other is being delivered, its first slice is over when this returns. */
function publish(wss: Wss, data: unknown): void {
  wss.publish("notification", { userId: "42", type: "a", data });
}

Deno.test("a record for many subscriptions is delivered in time slices, once to each, before the next records", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);

  publish(wss, 1);
  const live = many.subscriptions.map(({ isLive }) => isLive);
  publish(wss, 2);
  publish(wss, 3);

  assertEquals(live, many.subscriptions.map((_, i) => i < FIRST_SLICE));
  assertEquals(await many.pushes(3), many.clients.map(() => [1, 2, 3]));
});

Deno.test("records for one subscription are delivered in time slices too, once each and in their order", async () => {
  await using impatient = await startImpatient();
  const { wss, read } = impatient;
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const [session] = wss.service.sessions;

  for (let n = 0; n < FIRST_SLICE; n++) {
    read(`0-${n}`, "notification", { userId: "42", type: "a", data: n });
  }
  const before = session?.isLive;
  read(`0-${FIRST_SLICE}`, "notification", { userId: "42", type: "a", data: FIRST_SLICE });
  const after = session?.isLive;

  assertEquals([before, after], [true, false]);
  const payloads = (await client.pushesUntilIdle()).map(({ payload }) => payload);
  assertEquals(payloads, Array.from({ length: FIRST_SLICE + 1 }, (_, n) => n));
  assertEquals(session?.isLive, true);
});

/** A service over two partitions whose reader does not wait until a record is delivered. */
async function startImpatient() {
  const log = createEmbeddedLog({ partitions: 2 });
  let events: LogEvents | undefined;
  const createReader = () => createChangedReader(log, (given) => events = given);
  const wss = await startWss({ createReader });
  return {
    wss,
    lose: (partition: number, position: number) => events?.onLost(partition, position),
    advance: (partition: number, position: number) => events?.onPosition(partition, position),
    read(id: string, type: string, document: unknown) {
      const [partition = 0, offset = 0] = id.split("-").map(Number);
      const value = new TextEncoder().encode(JSON.stringify({ type, document }));
      events?.onRecord({ partition, offset, timestamp: Date.now(), value });
    },
    [Symbol.asyncDispose]: () => wss[Symbol.asyncDispose](),
  };
}

Deno.test("a record that is read while another is being delivered is delivered after it", async () => {
  await using impatient = await startImpatient();
  const { wss, read } = impatient;
  await using many = await subscribeMany(wss);

  read("0-0", "notification", { userId: "42", type: "a", data: 1 });
  read("0-1", "notification", { userId: "42", type: "a", data: 2 });

  assertEquals(await many.pushes(2), many.clients.map(() => [1, 2]));
});

Deno.test("[DEL2] a record that is read while a reload is being delivered follows the reload", async () => {
  await using impatient = await startImpatient();
  const { wss, read } = impatient;
  await using many = await subscribeMany(wss);
  const { id } = notificationTarget({ userId: "42", types: [] });

  read("0-0", "update_subscription", { subscriptions: [id], options: { reload: true } });
  read("0-1", "notification", { userId: "42", type: "a", data: 2 });

  assertEquals(await many.pushes(2), many.clients.map(() => [[{ id: "n1" }], 2]));
});

Deno.test("[SLOW1] a client that falls behind when another record is read gets both", async () => {
  await using impatient = await startImpatient();
  const { wss, read } = impatient;
  await using many = await subscribeMany(wss);
  const { client, subscription: { subscriber: { outbox } } } = many.last;

  read("0-0", "notification", { userId: "42", type: "a", data: 1 });
  Object.defineProperty(outbox, "isBehind", { get: () => true, configurable: true });
  read("1-0", "notification", { userId: "42", type: "a", data: 2 });
  Reflect.deleteProperty(outbox, "isBehind");

  assertEquals([(await client.next()).payload, (await client.next()).payload], [1, 2]);
});

Deno.test("a record for many different subscriptions is delivered in time slices too", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss, (i) => ({ where: { types: ["a", `${i}`] } }));

  publish(wss, 1);
  const live = many.subscriptions.map(({ isLive }) => isLive);

  assertEquals(live, many.subscriptions.map((_, i) => i < FIRST_SLICE));
  assertEquals(await many.pushes(), many.clients.map(() => [1]));
});

Deno.test("[DEL3] a push has the cursor of its record, whatever is learned during its delivery", async () => {
  await using impatient = await startImpatient();
  const { wss, read, advance, lose } = impatient;
  await using many = await subscribeMany(wss);
  const { stream } = wss.service;
  const positionsOf = ({ cursor }: Frame) => stream.decode(cursor)?.positions;

  read("0-0", "notification", { userId: "42", type: "a", data: 1 });
  advance(1, 7);
  lose(0, 500);

  for (const { client } of [many.first, many.last]) {
    const [push, resync] = [await client.next(), await client.next()];
    assertEquals([push.payload, resync.status], [1, "resync"]);
    assertEquals([positionsOf(push), positionsOf(resync)], [[1, 0], [500, 7]]);
  }
});

Deno.test("[DEL2][DEL3] a subscription that is held during a delivery gets the record afterwards", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { stream } = wss.service;
  const { client, subscription } = many.last;
  const positionsOf = (cursor: string | undefined) => stream.decode(cursor)?.positions;

  publish(wss, 1);
  subscription.hold();
  const held = { isLive: subscription.isLive, positions: positionsOf(subscription.cursor) };
  publish(wss, 2);
  subscription.release();
  const released = { isLive: subscription.isLive, positions: positionsOf(subscription.cursor) };
  const [first, second] = [await client.next(), await client.next()];

  assertEquals(held, { isLive: false, positions: [0] });
  assertEquals(released, { isLive: true, positions: [1] });
  assertEquals([first, second].map(({ payload }) => payload), [1, 2]);
  assertEquals([first, second].map(({ cursor }) => positionsOf(cursor)), [[1], [2]]);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL2] no record is pushed between a request for the list and its reply, also during a delivery", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { client, subscription } = many.last;
  const release = wss.backend.hold("GET /notification");

  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  publish(wss, 1);
  await many.first.client.next();
  letGo();

  assertEquals((await client.next()).rid, rid);
  assertEquals((await client.next()).payload, 1);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(subscription.isLive, true);
});

Deno.test("[SLOW1] if a client is behind when its subscription leaves the live end, it gets the record once", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { client, subscription } = many.last;

  publish(wss, 1);
  const { outbox } = subscription.subscriber;
  Object.defineProperty(outbox, "isBehind", { get: () => true, configurable: true });
  subscription.hold();
  Reflect.deleteProperty(outbox, "isBehind");
  subscription.release();

  assertEquals((await client.next()).payload, 1);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL2] a subscription that has read the record from the window does not get it again", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { client, subscription } = many.last;

  subscription.hold();
  publish(wss, 1);
  subscription.release();

  assertEquals((await client.next()).payload, 1);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL2] a subscription that begins during a delivery does not get that record", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const session = [...wss.service.sessions].at(-1);
  const target = notificationTarget({ userId: "42", types: [] });

  publish(wss, 1);
  session?.subscribe(target, ALL_KEPT);
  await many.last.client.next();
  publish(wss, 2);

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [2]);
});

Deno.test("[SUB1][LIFE3] a client that unsubscribes or leaves during a delivery gets nothing more", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const [, leaving] = [...wss.service.sessions].slice(-2);
  const before = [...wss.service.sessions].at(-2);

  publish(wss, 1);
  before?.unsubscribe([many.last.subscription.target.id], "unsubscribed");
  if (leaving) wss.service.sessions.close(leaving, "client");

  const pushes = await many.pushes();
  assertEquals(pushes.slice(-2), [[], []]);
  assertEquals(pushes.slice(0, -2), many.clients.slice(2).map(() => [1]));
});

Deno.test("[SUB1] nothing is pushed of a target whose only subscription ends during a delivery", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  await using alone = await wss.connect("/web", { token: "alice" });
  const { event } = await alone.request("getMyNotifications", { where: { types: ["a"] } });

  publish(wss, 1);
  const session = [...wss.service.sessions].at(-1);
  session?.unsubscribe([event], "unsubscribed");

  assertEquals(await alone.pushesUntilIdle(), []);
  assertEquals(await many.pushes(), Array.from({ length: CLIENTS }, () => [1]));
});

Deno.test("[DEL12] if records are lost during a delivery, each client gets its record before the resync", async () => {
  await using impatient = await startImpatient();
  const { wss, read, lose } = impatient;
  await using many = await subscribeMany(wss);

  read("0-0", "notification", { userId: "42", type: "a", data: 1 });
  lose(0, 5);
  read("0-5", "notification", { userId: "42", type: "a", data: 2 });

  const resync = { missed: null };
  assertEquals(await many.pushes(6), many.clients.map(() => [1, resync, 2]));
});

Deno.test("[LIFE4][DEL3] a client that is sent away during a delivery gets no cursor of a record that it has not got", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);

  publish(wss, 1);
  const stopping = wss.stop();

  const cursorOf = async (client: Client) => {
    let cursor: string | undefined;
    for (;;) {
      const frame = await client.next();
      if (frame.status === "reconnect") return { given: frame.cursor, cursor };
      cursor = frame.cursor;
    }
  };
  const first = await cursorOf(many.first.client);
  const last = await cursorOf(many.last.client);
  assertEquals([typeof first.given, typeof first.cursor], ["string", "string"]);
  assertEquals([last.given, last.cursor], [undefined, undefined]);
  await stopping;
});

Deno.test("[DEL11] a reload is delivered in time slices, and is one call for all subscriptions that share it", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  wss.backend.forget();
  const subscriptions = [many.last.subscription.target.id];

  wss.publish("update_subscription", { subscriptions, options: { reload: true } });
  const frames = await Promise.all(many.clients.map((client) => client.next()));

  assert(frames.every(({ status }) => status === "reload"));
  assertEquals(wss.backend.calls.length, 1);
});
