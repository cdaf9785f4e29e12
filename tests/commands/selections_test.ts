import { assert, assertEquals } from "@std/assert";
import { runScript } from "../_support/memory/run_script.ts";
import { startWss } from "../_support/service/wss.ts";

const WHERE = { from: 1, to: 2, timezone: "UTC" };
/** Commands with a list that selects, by the path of that list. */
const SELECTIONS: Record<string, [command: string, where: (list: unknown[]) => object]> = {
  "types of a list": ["getMyNotifications", (types) => ({ types })],
  "types of a count": ["getMyNotificationsCount", (types) => ({ types })],
  "gameIds": ["getSchedules", (gameIds) => ({ ...WHERE, gameIds })],
  "tiers": ["getSchedules", (tiers) => ({ ...WHERE, substage: { tiers } })],
  "ids of tournaments": ["getSchedules", (ids) => ({ ...WHERE, tournament: { ids } })],
};

for (const [name, [command, where]] of Object.entries(SELECTIONS)) {
  Deno.test(`[LIM5] ${name}: at most 1,000 items of at most 200 characters`, async () => {
    await using wss = await startWss();
    await using client = await wss.connect("/mobile", { token: "alice" });
    const ask = (list: unknown[]) =>
      client.request(command, { where: where(list), status: "read" });
    const short = (count: number) => Array.from({ length: count }, () => "0");

    for (const list of [short(1000), ["x".repeat(200)]]) {
      assertEquals((await ask(list)).status, "ok");
    }
    wss.backend.forget();
    for (
      const [list, reason] of [
        [short(1001), "expected at most 1000 items"],
        [["a", "x".repeat(201)], "expected at most 200 UTF-16 units"],
      ] as const
    ) {
      const { payload } = await ask([...list]);
      assertEquals(payload.error[0].Slug, "invalid-options");
      assert(payload.message.endsWith(reason), payload.message);
    }
    assertEquals(wss.backend.calls, []);
  });
}

Deno.test("[LIM5] a request whose URL would be over 16 KiB is refused, and subscribes nothing", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const list = await client.request("getSchedules", { where: WHERE });
  wss.backend.forget();
  const gameIds = Array.from({ length: 900 }, (_, i) => `${i}-${"x".repeat(10)}`);

  for (
    const options of [
      { where: { ...WHERE, gameIds } },
      { where: { ...WHERE, gameIds }, since: list.cursor },
    ]
  ) {
    const { status, payload } = await client.request("getSchedules", options);
    assertEquals([status, payload.error[0].Slug], ["error", "invalid-options"]);
    assert(payload.message.includes("expected at most 16384"), payload.message);
  }
  const tournament = await client.request("getTournament", { where: { id: "x".repeat(17_000) } });
  assertEquals(tournament.payload.error[0].Slug, "invalid-options");
  assertEquals(wss.backend.calls, []);
  assertEquals([...wss.service.sessions][0]?.subscriptionCount, 1);
});

Deno.test("[LIM5] notifications and ids of subscriptions are bounded by the frame only", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const many = Array.from({ length: 3000 }, (_, i) => `n${i}`);

  const update = await client.request("updateNotifications", {
    where: { notifications: many },
    status: "read",
  });
  const end = await client.request("subscription", { ids: many, action: "unsubscribe" });

  assertEquals([update.status, end.status], ["ok", "ok"]);
});

Deno.test("[LIM5][LIM3] a session's subscriptions keep at most MAX_SESSION_BYTES", async () => {
  await using wss = await startWss({ settings: { MAX_SESSION_BYTES: 10_000 } });
  await using client = await wss.connect("/mobile", { token: "alice" });
  const type = "x".repeat(200);
  const list = (i: number, sort = "") =>
    client.request("getMyNotifications", { params: { sort }, where: { types: [`${i}`, type] } });
  const events: string[] = [];
  let reply = await list(0);
  for (let i = 1; reply.status === "ok"; i++) {
    events.push(reply.event);
    reply = await list(i);
  }
  const [session] = wss.service.sessions;

  assertEquals(reply.payload.error[0].Slug, "too-many-subscriptions");
  assertEquals(session?.subscriptionCount, events.length);
  const bytes = session?.keptBytes ?? 0;
  assert(bytes <= 10_000 && bytes > 10_000 - 300, `${bytes} bytes`);
  assertEquals((await list(0)).status, "ok");
  assertEquals((await list(0, "y".repeat(300))).payload.error[0].Slug, "too-many-subscriptions");
  assertEquals(session?.keptBytes, bytes);
  await client.request("subscription", { ids: events.slice(0, 2), action: "unsubscribe" });
  assertEquals((await list(1, "y".repeat(300))).status, "ok");
  await client.request("subscription", { ids: events, action: "unsubscribe" });
  assertEquals(session?.keptBytes, 0);
});

Deno.test("[LIM5][LIST2] lists asked for again side by side keep no more than MAX_SESSION_BYTES, and those that do not fit change nothing", async () => {
  await using wss = await startWss({ settings: { MAX_SESSION_BYTES: 2000 } });
  await using client = await wss.connect("/web", { token: "alice" });
  const ask = (type: number, params = {}) =>
    client.ask("getMyNotifications", { params, where: { types: [`${type}`] } });
  const types = Array.from({ length: 12 }, (_, i) => i);
  const events: string[] = [];
  for (const type of types) events.push((await client.reply(ask(type))).event);
  const release = wss.backend.hold("GET /notification", () => Response.json(["again"]));

  const rids = types.map((type) => ask(type, { sort: "s".repeat(900) }));
  const held = await Array.fromAsync(types, release);
  wss.publish("notification", { userId: "42", type: "11", data: "held back" });
  for (const letGo of held) letGo();
  const replies = await Array.fromAsync(rids, (rid) => client.reply(rid));
  wss.backend.reset("GET /notification");
  const push = await client.next();

  const refused = replies.filter(({ status }) => status === "error");
  assertEquals(refused.map(({ payload }) => payload.error[0].Slug), [
    ...Array(11).fill("too-many-subscriptions"),
  ]);
  const [session] = wss.service.sessions;
  const bytes = session?.keptBytes ?? 0;
  assert(bytes > 900 && bytes <= 2000, `${bytes} bytes`);
  assertEquals([push.event, push.status, push.payload], [events[11], "update", "held back"]);
  // A reload asks for the earlier list.
  wss.backend.forget();
  const last = events[replies.findLastIndex(({ status }) => status === "error")];
  wss.publish("update_subscription", { subscriptions: [last], options: { reload: true } });
  assertEquals((await client.next()).status, "reload");
  assertEquals(wss.backend.calls.map(({ url }) => url.includes("sort=")), [false]);
});

Deno.test("[LIM5] what is kept of a subscription takes at most three times as much memory as it counts for", async () => {
  const measured = await runScript("memory/measure_kept.ts", [300]);
  assertEquals(measured.length, 4);
  for (const one of measured as { heap: number; counted: number }[]) {
    assert(one.heap < 3 * one.counted, JSON.stringify(one));
  }
});
