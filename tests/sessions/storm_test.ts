import { assert, assertEquals } from "@std/assert";
import { notificationTarget } from "../../src/protocol/target.ts";
import type { Backend, Responder } from "../_support/service/backend.ts";
import type { Client } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { clientFrame, openQuickSocket } from "../_support/clients/quick_socket.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

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

/** Counts how many of 500 calls run at once, and answers them in rounds. */
function watch(backend: Backend, key: string, { round, answer }: {
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
    if (held.length === round || seen.calls % 500 === 0) {
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

Deno.test("[BCK3][BCK6] if 5,000 clients log in with 500 tokens at once, 500 calls are made within the pool", async () => {
  const users = usersOf(500);
  await using wss = await startWss({ users, settings: { REQUEST_POOL_SIZE: "300" } });
  await using storm = await connectMany(wss, { count: 5000 });
  const seen = watch(wss.backend, "GET /user", {
    round: 300,
    answer: ({ authorization }) => Response.json({ id: users[authorization ?? ""] }),
  });

  const rids = storm.clients.map((client, i) =>
    client.ask("authentication", { authToken: `token-${i % 500}` })
  );
  const replies = await Promise.all(
    storm.clients.map((client, i) => client.reply(rids[i] ?? 0)),
  );

  assertEquals(replies.filter(({ status }) => status !== "ok"), []);
  assertEquals(seen, { calls: 500, most: 300 });
});

Deno.test("[KAF3] a reload of a schedule that 5,000 sessions share is one call", async () => {
  await using wss = await startWss({ users: usersOf(500) });
  await using storm = await connectMany(wss, { count: 5000, tokenOf: (i) => `token-${i % 500}` });
  await Promise.all(storm.clients.map((client) => client.request("getSchedules", SCHEDULE)));
  wss.backend.forget();

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });

  const frames = await Promise.all(storm.clients.map((client) => client.next()));
  assert(frames.every(({ status }) => status === "reload"));
  assertEquals(wss.backend.calls.length, 1);
});

Deno.test("[KAF3] a reload for 500 users with 10 sessions each is 500 calls, ten in a row are at most 1,000", async () => {
  const users = usersOf(500);
  await using wss = await startWss({ users });
  await using storm = await connectMany(wss, { count: 5000, tokenOf: (i) => `token-${i % 500}` });
  await Promise.all(storm.clients.map((client) => client.request("getMyNotifications", LIST)));
  const subscriptions = Object.values(users)
    .map((userId) => notificationTarget({ userId, types: [] }).id);
  const reload = { subscriptions, options: { reload: true } };

  const once = watch(wss.backend, "GET /notification", {
    round: 50,
    answer: () => Response.json([]),
  });
  wss.publish("update_subscription", reload);
  const frames = await Promise.all(storm.clients.map((client) => client.next()));
  assert(frames.every(({ status }) => status === "reload"));
  assertEquals(once, { calls: 500, most: 50 });

  const row = watch(wss.backend, "GET /notification", {
    round: 50,
    answer: () => Response.json([]),
  });
  for (let i = 0; i < 10; i++) wss.publish("update_subscription", reload);
  wss.publish("update_subscription", { subscriptions, data: "after" });
  for (const client of storm.clients) {
    let frame = await client.next();
    assertEquals(frame.status, "reload");
    while (frame.status === "reload") frame = await client.next();
    assertEquals(frame.payload, "after");
  }
  assert(row.calls <= 1000 && row.most <= 50, JSON.stringify(row));
});

Deno.test("[LIM1][NET3] if 5,000 clients come at once, MAX_CONNECTIONS of 2,000 are served and 3,000 refused", async () => {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS: "2000" } });
  const { port } = wss.service.address;
  const frames = [
    clientFrame(JSON.stringify({ rid: 1, command: "getSchedules", options: SCHEDULE })),
  ];

  const storm = await Promise.all(Array.from({ length: 5000 }, async () => {
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

  assertEquals(served.length, 2000);
  for (const socket of served) {
    const seen = await socket.readUntil('"rid":1');
    assert(seen.includes('"status":"ok"'), seen);
  }
  wss.publish("update_subscription", { resource: "schedule", data: "for all" });
  for (const socket of served) assert((await socket.readUntil("for all")).includes("for all"));
  for (const { conn } of served) conn.close();
  await until("all are gone", () => wss.service.connections === 0);
});
