/** Many clients at once. */
import { assert, assertEquals } from "@std/assert";
import { notificationTarget } from "../../../src/protocol/target.ts";
import type { Backend, Responder } from "../service/backend.ts";
import type { Client } from "../clients/client.ts";
import { fakePerformance } from "../clock.ts";
import { until } from "../queue.ts";
import { clientFrame, openQuickSocket } from "../clients/quick_socket.ts";
import { startWss, type Wss } from "../service/wss.ts";

const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };
const LIST = { where: { types: [] } };
/** Upgrades at once: as many as the kernel's queue of connections holds. */
const UPGRADES = 100;

/** Connects clients, each with the token of its index. */
async function connectMany(wss: Wss, { count, tokenOf }: {
  count: number;
  tokenOf?: (i: number) => string;
}) {
  const clients: Client[] = [];
  while (clients.length < count) {
    const more = Array.from({ length: Math.min(UPGRADES, count - clients.length) }, (_, i) => {
      const token = tokenOf?.(clients.length + i);
      return wss.connect("/mobile", token === undefined ? {} : { token });
    });
    clients.push(...await Promise.all(more));
  }
  return {
    clients,
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    },
  };
}

function usersOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`token-${i}`, `user-${i}`]));
}

/** Counts how many calls run at once, and answers them in rounds. */
function watch(backend: Backend, key: string, { total, round, answer }: {
  /** How many calls there will be: after that many, the rest is answered. */
  total: number;
  /** Calls that are answered together. If more than these wait by then, the pool is broken. */
  round: number;
  answer: Responder;
}) {
  const seen = { calls: 0, most: 0 };
  let held: (() => void)[] = [];
  backend.on(key, async (call) => {
    seen.calls++;
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push(resolve);
    if (held.length === round || seen.calls % total === 0) {
      // Calls that are under way arrive before these.
      for (let i = 0; i < 3; i++) await (await fetch(`${backend.origin}/none`)).body?.cancel();
      seen.most = Math.max(seen.most, held.length);
      held.forEach((letGo) => letGo());
      held = [];
    }
    await promise;
    return await answer(call);
  });
  return seen;
}

/** How many clients there are, and how many tokens they share. */
export interface Storm {
  readonly clients: number;
  readonly tokens: number;
}

/**
 * All clients log in at once: one call a token, and no more of them at once than the pool allows, of
 * which a tenth is kept (LIM7).
 */
export async function logInAtOnce({ clients, tokens }: Storm): Promise<void> {
  const users = usersOf(tokens);
  const poolSize = Math.ceil(tokens * 0.6);
  const most = poolSize - Math.floor(poolSize / 10);
  await using wss = await startWss({ users, settings: { REQUEST_POOL_SIZE: poolSize } });
  await using storm = await connectMany(wss, { count: clients });
  const seen = watch(wss.backend, "GET /user", {
    total: tokens,
    round: most,
    answer: ({ authorization }) => Response.json({ id: users[authorization ?? ""] }),
  });

  const rids = storm.clients.map((client, i) =>
    client.ask("authentication", { authToken: `token-${i % tokens}` })
  );
  const replies = await Promise.all(
    storm.clients.map((client, i) => client.reply(rids[i] ?? 0)),
  );

  assertEquals(replies.filter(({ status }) => status !== "ok"), []);
  assertEquals(seen, { calls: tokens, most });
}

/** A schedule is reloaded that all clients are subscribed to: one call for all of them. */
export async function reloadSchedule({ clients, tokens }: Storm): Promise<void> {
  await using wss = await startWss({ users: usersOf(tokens) });
  await using storm = await connectMany(wss, {
    count: clients,
    tokenOf: (i) => `token-${i % tokens}`,
  });
  await Promise.all(storm.clients.map((client) => client.request("getSchedules", SCHEDULE)));
  wss.backend.forget();

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });

  const frames = await Promise.all(storm.clients.map((client) => client.next()));
  assert(frames.every(({ status }) => status === "reload"));
  assertEquals(wss.backend.calls.length, 1);
}

/**
 * Ten reloads of a schedule in a row, from a backend that is now fast and now slow, so that the clients
 * fall out of step: at most one call for each reload, and one more.
 */
export async function reloadScheduleInARow({ clients }: { clients: number }): Promise<void> {
  const reloads = 10;
  await using wss = await startWss();
  await using storm = await connectMany(wss, { count: clients });
  const subscribed = await Promise.all(
    storm.clients.map((client) => client.request("getSchedules", SCHEDULE)),
  );
  wss.backend.forget();
  wss.backend.on("GET /schedule", async () => {
    await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
    return Response.json({ items: [] });
  });

  for (let i = 0; i < reloads; i++) {
    wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  }
  wss.publish("update_subscription", { subscriptions: [subscribed[0]?.event], data: "after" });

  await Promise.all(storm.clients.map(async (client) => {
    let frame = await client.next();
    assertEquals(frame.status, "reload");
    while (frame.status === "reload") frame = await client.next();
    assertEquals(frame.payload, "after");
  }));
  const { length: calls } = wss.backend.calls;
  assert(calls <= reloads + 1, `${calls} calls`);
}

/**
 * Every user's list is reloaded: one call a user, at most 50 at once. Ten such reloads in a row are at
 * most two calls a user.
 */
export async function reloadLists({ clients, tokens }: Storm): Promise<void> {
  const users = usersOf(tokens);
  await using wss = await startWss({ users });
  await using storm = await connectMany(wss, {
    count: clients,
    tokenOf: (i) => `token-${i % tokens}`,
  });
  await Promise.all(storm.clients.map((client) => client.request("getMyNotifications", LIST)));
  const subscriptions = Object.values(users)
    .map((userId) => notificationTarget({ userId, types: [] }).id);
  const reload = { subscriptions, options: { reload: true } };
  const watched = { total: tokens, round: 50, answer: () => Response.json([]) };

  const once = watch(wss.backend, "GET /notification", watched);
  wss.publish("update_subscription", reload);
  const frames = await Promise.all(storm.clients.map((client) => client.next()));
  assert(frames.every(({ status }) => status === "reload"));
  assertEquals(once, { calls: tokens, most: 50 });

  // A reload waits for further records, but for 100 ms at most, and a busy machine may be slower. While
  // the clock stands still, it waits for all of them.
  using _clock = fakePerformance();
  const row = watch(wss.backend, "GET /notification", watched);
  for (let i = 0; i < 10; i++) wss.publish("update_subscription", reload);
  wss.publish("update_subscription", { subscriptions, data: "after" });
  for (const client of storm.clients) {
    let frame = await client.next();
    assertEquals(frame.status, "reload");
    while (frame.status === "reload") frame = await client.next();
    assertEquals(frame.payload, "after");
  }
  assert(row.calls <= 2 * tokens && row.most <= 50, JSON.stringify(row));
}

/** More clients connect at once than there are slots: those that get a slot are served. */
export async function connectAtOnce(
  { clients, slots }: { clients: number; slots: number },
): Promise<void> {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS: slots } });
  const { port } = wss.service.address;
  const frames = [
    clientFrame(JSON.stringify({ rid: 1, command: "getSchedules", options: SCHEDULE })),
  ];

  const storm = await Promise.all(Array.from({ length: clients }, async () => {
    const socket = await openQuickSocket({ port, path: "/mobile", frames });
    const head = await socket.readUntil("\r\n\r\n");
    if (head.startsWith("HTTP/1.1 503 ")) {
      assert(head.includes("retry-after: 5"), head);
      socket.conn.close();
      return null;
    }
    return socket;
  }));
  const served = storm.filter((socket) => socket !== null);

  assertEquals(served.length, slots);
  for (const socket of served) {
    const seen = await socket.readUntil('"rid":1');
    assert(seen.includes('"status":"ok"'), seen);
  }
  wss.publish("update_subscription", { resource: "schedule", data: "for all" });
  for (const socket of served) assert((await socket.readUntil("for all")).includes("for all"));
  for (const { conn } of served) conn.close();
  await until("all are gone", () => wss.service.connections === 0);
}
