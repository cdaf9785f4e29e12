import { assertEquals } from "@std/assert";
import type { Client } from "../_support/clients/client.ts";
import { deadline, until } from "../_support/queue.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const reload = (id: string) => ({ subscriptions: [id], options: { reload: true } });
const push = (data: unknown) => ({ userId: "42", type: "a", data });

Deno.test("[DEL1] the pushes of one partition arrive in the order of the log", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  const ids = Array.from(
    { length: 500 },
    (_, i) =>
      i % 3
        ? wss.publish("notification", push(i))
        : wss.publish("update_subscription", { subscriptions: [event], data: i }),
  );

  await until("all records are delivered", () => wss.service.stream.positions[0] === ids.length);
  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ id }) => id), ids);
  assertEquals(pushes.map(({ payload }) => payload), ids.map((_, i) => i));
});

Deno.test("[DEL1] a reload keeps its place in the order", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");

  const ids = [
    wss.publish("notification", push(1)),
    wss.publish("update_subscription", reload(event)),
    wss.publish("notification", push(2)),
  ];
  const letFirstGo = await release();
  ids.push(wss.publish("update_subscription", reload(event)));
  ids.push(wss.publish("notification", push(3)));
  letFirstGo();
  (await release())();

  const frames = [];
  for (const id of ids) frames.push([(await client.next()).id, id]);
  assertEquals(frames.map(([got]) => got), ids);
});

/** The ways in which a client gets a list. */
const WAYS_TO_A_LIST = {
  "subscribes": { subscribed: false, ask: ({ client }) => client.ask("getMyNotifications", LIST) },
  "asks again": { subscribed: true, ask: ({ client }) => client.ask("getMyNotifications", LIST) },
  "is told to reload": {
    subscribed: true,
    ask: ({ wss, event }) => void wss.publish("update_subscription", reload(event)),
  },
} satisfies Record<string, {
  subscribed: boolean;
  ask: (of: { wss: Wss; client: Client; event: string }) => void;
}>;

for (const [way, { subscribed, ask }] of Object.entries(WAYS_TO_A_LIST)) {
  Deno.test(`[DEL2] a client that ${way} misses nothing that is published meanwhile, at any point`, async () => {
    await using wss = await startWss();
    const points = ["before it asks", "before the call", "before the read", "after the read"];
    for (const point of [...points, "with the answer", "after the list"]) {
      await using client = await wss.connect("/web", { token: "alice" });
      const stored: string[] = [];
      const create = (now: string) => {
        if (now !== point) return;
        stored.push(point);
        wss.publish("notification", push(point));
      };
      wss.backend.on("GET /notification", () => Response.json(stored));
      const event = subscribed ? (await client.request("getMyNotifications", LIST)).event : "";
      const called = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<void>();
      wss.backend.on("GET /notification", async () => {
        create("before the read");
        const list = Response.json(stored);
        create("after the read");
        called.resolve();
        await answered.promise;
        return list;
      });

      create("before it asks");
      ask({ wss, client, event });
      create("before the call");
      await called.promise;
      answered.resolve();
      create("with the answer");
      const seen: string[] = [];
      for (let isListed = false; !isListed;) {
        const { status, payload } = await client.next();
        isListed = status !== "update";
        // As a client does: a list replaces everything, and a push adds to it.
        if (isListed) seen.splice(0, seen.length, ...payload);
        else seen.push(payload);
      }
      create("after the list");
      seen.push(...(await client.pushesUntilIdle()).map(({ payload }) => payload));

      assertEquals(new Set(seen), new Set([point]));
    }
  });
}

Deno.test("[DEL2] while a list is under way, pushes are held back; they follow the list in order", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const other = await client.request("getMyNotifications", { where: { types: ["a"] } });
  const release = wss.backend.hold("GET /notification");

  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  for (const data of [1, 2, 3]) wss.publish("notification", push(data));
  // The pushes of another subscription are not held back.
  const others = [await client.next(), await client.next(), await client.next()];
  letGo();

  assertEquals(others.map(({ event, payload }) => [event, payload]), [
    [other.event, 1],
    [other.event, 2],
    [other.event, 3],
  ]);
  const reply = await client.next();
  assertEquals(reply.rid, rid);
  const pushes = [await client.next(), await client.next(), await client.next()];
  assertEquals(pushes.map(({ event, payload }) => [event, payload]), [
    [reply.event, 1],
    [reply.event, 2],
    [reply.event, 3],
  ]);
});

Deno.test("[DEL2] a list that the client requests again does not overtake a newer push", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");

  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  wss.publish("notification", push("newer than the list"));
  letGo();

  assertEquals((await client.next()).rid, rid);
  assertEquals((await client.next()).payload, "newer than the list");
});

Deno.test("[DEL2] a list that was requested after a reload replaces the reload if it arrives first", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");

  wss.backend.forget();
  wss.publish("update_subscription", reload(event));
  await release();
  const older = await wss.backend.nextCall();
  wss.publish("update_subscription", reload(event));
  wss.publish("notification", push(1));
  const rid = client.ask("getMyNotifications", LIST);
  const letListGo = await release();
  wss.publish("notification", push(2));
  letListGo();

  assertEquals((await client.next()).rid, rid);
  assertEquals([(await client.next()).payload, (await client.next()).payload], [1, 2]);
  // The call for the older list has been given up.
  await deadline("the end of the older call", older.over());
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("[DEL2] if the reload arrives first, the list is in its place; if that fails, the reload is fetched once more", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  /** A reload arrives while a list that was requested later is under way. */
  const begin = async () => {
    wss.publish("update_subscription", reload(event));
    const letReloadGo = await release();
    wss.publish("notification", push(1));
    client.ask("getMyNotifications", LIST);
    const letListGo = await release();
    wss.publish("notification", push(2));
    letReloadGo(Response.json("reload"));
    await until("the reload has ended", () => wss.service.reloads.size === 0);
    return letListGo;
  };
  const next = async () => (await client.next()).payload;

  (await begin())(Response.json("list"));
  assertEquals([await next(), await next(), await next()], ["list", 1, 2]);

  (await begin())(new Response(null, { status: 500 }));
  assertEquals((await client.next()).status, "error");
  (await release())(Response.json("a fresh reload"));
  assertEquals([await next(), await next(), await next()], ["a fresh reload", 1, 2]);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL4] the record's id is the same for all clients", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  await using twin = await wss.connect("/mobile", { token: "alice" });
  await alice.request("getMyNotifications", LIST);
  await alice.request("getMyNotifications", { where: { types: ["a"] } });
  const { event } = await twin.request("getMyNotifications", LIST);
  wss.publish("notification", { userId: "nobody", type: "a" });

  wss.publish("notification", push(1));
  wss.publish("update_subscription", reload(event));

  const ids = [...await alice.pushesUntilIdle(), await twin.next(), await twin.next()]
    .map(({ status, id }) => [status, id]);
  assertEquals(ids.filter(([status]) => status === "update"), Array(3).fill(["update", "0-1"]));
  assertEquals(ids.at(-1), ["reload", "0-2"]);
});
