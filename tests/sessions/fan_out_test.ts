/**
 * Records for many, handed out in turns of the event loop: to 128 in the first, to the rest when the
 * test gives way. What happens in between is what is tested here.
 */
import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import type { Client } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const CLIENTS = 200;
const FIRST_TURN = 128;
const LIST = { where: { types: [] } };

/** Clients that have subscribed one after the other, and their subscriptions. */
async function subscribeMany(wss: Wss, optionsOf: (i: number) => unknown = () => LIST) {
  const clients: Client[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    await client.request("getMyNotifications", optionsOf(i));
    clients.push(client);
  }
  const subscriptions = [...wss.service.sessions].flatMap((session) => [...session.subscriptions]);
  const [first, last] = [subscriptions[0], subscriptions.at(-1)];
  if (!first || !last) throw new Error("Nobody is subscribed");
  return {
    clients,
    subscriptions,
    /** The first is handed a record in the first turn, the last in the second. */
    first: { client: clients[0] as Client, subscription: first },
    last: { client: clients.at(-1) as Client, subscription: last },
    /** What all have got when so many records have been handed out, each the payloads of its pushes. */
    async pushes(records = 1) {
      const { stream } = wss.service;
      await until(
        "all is handed out",
        () => stream.positions[0] === records && subscriptions.every(({ isLive }) => isLive),
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

/** Publishes; when this returns the first turn of handing out is over, unless another went before. */
function publish(wss: Wss, data: unknown): void {
  wss.publish("notification", { userId: "42", type: "a", data });
}

Deno.test("a record for many is handed out in turns, to each once, and the next ones after it", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);

  publish(wss, 1);
  const live = many.subscriptions.map(({ isLive }) => isLive);
  publish(wss, 2);
  publish(wss, 3);

  assertEquals(live, many.subscriptions.map((_, i) => i < FIRST_TURN));
  assertEquals(await many.pushes(3), many.clients.map(() => [1, 2, 3]));
});

/** A service over two partitions, with what its consumer calls: one that waits for nothing. */
async function startImpatient() {
  const log = createEmbeddedLog({ partitions: 2 });
  let events: LogEvents | undefined;
  const createReader = () => createChangedReader(log, (given) => events = given);
  const wss = await startWss({ createReader });
  return {
    wss,
    read(id: string, type: string, document: unknown) {
      const [partition = 0, offset = 0] = id.split("-").map(Number);
      const value = new TextEncoder().encode(JSON.stringify({ type, document }));
      events?.onRecord({ partition, offset, timestamp: Date.now(), value });
    },
    [Symbol.asyncDispose]: () => wss[Symbol.asyncDispose](),
  };
}

Deno.test("a record that comes while another is handed out is handed out after it", async () => {
  await using impatient = await startImpatient();
  const { wss, read } = impatient;
  await using many = await subscribeMany(wss);

  read("0-0", "notification", { userId: "42", type: "a", data: 1 });
  read("0-1", "notification", { userId: "42", type: "a", data: 2 });

  assertEquals(await many.pushes(2), many.clients.map(() => [1, 2]));
});

Deno.test("[DEL2] a record that comes while a reload is handed out follows it", async () => {
  await using impatient = await startImpatient();
  const { wss, read } = impatient;
  await using many = await subscribeMany(wss);
  const { id } = notificationTarget({ userId: "42", types: [] });

  read("0-0", "update_subscription", { subscriptions: [id], options: { reload: true } });
  read("0-1", "notification", { userId: "42", type: "a", data: 2 });

  assertEquals(await many.pushes(2), many.clients.map(() => [[{ id: "n1" }], 2]));
});

Deno.test("[SLOW1] who falls behind as another record comes is pushed both", async () => {
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

Deno.test("a record for many subscriptions of their own is handed out in turns too", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss, (i) => ({ where: { types: ["a", `${i}`] } }));

  publish(wss, 1);
  const live = many.subscriptions.map(({ isLive }) => isLive);

  assertEquals(live, many.subscriptions.map((_, i) => i < FIRST_TURN));
  assertEquals(await many.pushes(), many.clients.map(() => [1]));
});

Deno.test("[DEL3] a push has the place of its record, whatever comes to be known meanwhile", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { stream } = wss.service;

  publish(wss, 1);
  stream.jump(0, 500);
  many.last.subscription.hold();

  const { cursor } = await many.last.client.next();
  assertEquals(stream.decode(cursor)?.positions, [1]);
  many.last.subscription.release();
});

Deno.test("[DEL2] who asks for its list meanwhile is pushed what it is owed first", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { client, subscription } = many.last;

  publish(wss, 1);
  subscription.hold();
  const isLive = [subscription.isLive];
  assertEquals((await client.next()).payload, 1);
  publish(wss, 2);
  subscription.release();
  isLive.push(subscription.isLive);

  assertEquals((await client.next()).payload, 2);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(isLive, [false, true]);
});

Deno.test("[SLOW1] who falls behind by what it is owed is pushed it later, once", async () => {
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

Deno.test("[DEL2] who has caught up with a record meanwhile is not pushed it again", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  const { client, subscription } = many.last;

  subscription.hold();
  publish(wss, 1);
  subscription.release();

  assertEquals((await client.next()).payload, 1);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL2] who subscribes meanwhile is not pushed what was read before", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  await using client = await wss.connect("/web", { token: "alice" });
  const session = [...wss.service.sessions].at(-1);
  const target = notificationTarget({ userId: "42", types: [] });

  publish(wss, 1);
  session?.subscribe(target, { api: "notification" });
  await many.last.client.next();
  publish(wss, 2);

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), [2]);
});

Deno.test("[SUB1][LIFE3] who unsubscribes or leaves meanwhile is pushed nothing", async () => {
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

Deno.test("[SUB1] who ends another subscription meanwhile, as its only one, is pushed nothing of it", async () => {
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

Deno.test("[DEL12] who is told meanwhile that something is lost is first pushed what came before", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);

  publish(wss, 1);
  wss.service.sessions.lose(wss.service.stream.jump(0, 1));
  publish(wss, 2);

  const resync = { missed: null };
  assertEquals(await many.pushes(2), many.clients.map(() => [1, resync, 2]));
});

Deno.test("[LIFE4][DEL3] who is sent away meanwhile is given no place that it has not come to", async () => {
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

Deno.test("[DEL11] a record that reloads is handed out in turns, and is one call for all who share it", async () => {
  await using wss = await startWss();
  await using many = await subscribeMany(wss);
  wss.backend.forget();
  const subscriptions = [many.last.subscription.target.id];

  wss.publish("update_subscription", { subscriptions, options: { reload: true } });
  const frames = await Promise.all(many.clients.map((client) => client.next()));

  assert(frames.every(({ status }) => status === "reload"));
  assertEquals(wss.backend.calls.length, 1);
});
