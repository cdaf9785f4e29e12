import { assert, assertEquals } from "@std/assert";
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
        [["a", "x".repeat(201)], "expected at most 200 characters"],
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
