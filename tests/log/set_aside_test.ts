/** Records that can't be decoded, so that nobody knows for whom they were. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Client } from "../_support/clients/client.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { BreakingLog } from "../_support/service/breaking_log.ts";
import { MetricsWatch, series } from "../_support/service/metrics.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"], token: "alice" };

function publish(wss: Wss, data: unknown): void {
  wss.publish("notification", { userId: "42", type: "a", data });
}

async function subscribe(wss: Wss): Promise<{ client: Client; cursor: string | undefined }> {
  const client = await wss.connect("/web", V1);
  return { client, cursor: (await client.request("getMyNotifications", LIST)).cursor };
}

/** Whether a client that comes with a cursor resumes. */
async function resumes(wss: Wss, since: string | undefined): Promise<boolean | undefined> {
  await using client = await wss.connect("/web", V1);
  return (await client.request("getMyNotifications", { ...LIST, since })).recovered;
}

Deno.test("[KAF9] what can't be decoded is put in quarantine by its offsets, and can't be replayed", async () => {
  const log = new BreakingLog();
  await using wss = await startWss({ log });
  const changes = await new MetricsWatch().changes(wss.admin, {
    quarantined: series("quarantined_total", { reason: "not_decoded" }),
    unusable: series("kafka_records_total", { type: "unusable" }),
    position: series("kafka_position", { partition: "0" }),
  }, () => {
    publish(wss, 1);
    log.damage(0, 5);
    publish(wss, 2);
    return Promise.resolve();
  });
  const { total, records: [{ readAt: _, ...record }] } = await wss.admin.get("/quarantine");
  const replay = (offset: number) =>
    wss.admin.post("/quarantine/replay", { partition: 0, offset, dryRun: false });
  const refused = await replay(3);

  assertEquals(changes, { quarantined: 5, unusable: 5, position: 7 });
  assertEquals(total, 5);
  assertEquals(record, {
    partition: 0,
    offset: 1,
    until: 6,
    timestamp: null,
    reason: "its checksum is wrong",
    goneBecause: null,
    replayed: false,
  });
  assertEquals([refused.status, refused.body.error], [
    409,
    "Record 0-3 can't be written again, because it can't be read: its checksum is wrong",
  ]);
  assertEquals((await replay(6)).status, 404);
  assertEquals(
    (await wss.admin.get("/why?partition=0&offset=5")).answer,
    "It is in quarantine: its checksum is wrong",
  );
  assertMatch((await wss.admin.get("/why?user=43")).answer, /\(1 in \/quarantine\)/);
});

Deno.test("[KAF9] a cursor in front of what was set aside gets the list, also on an instance that starts later", async () => {
  const log = new BreakingLog();
  await using one = await startWss({ log });
  const { client, cursor } = await subscribe(one);
  await using _ = client;
  publish(one, 1);
  const before = await client.next();
  log.damage(0, 2);
  const resync = await client.next();
  publish(one, 2);
  const after = await client.next();
  await using two = await startWss({ log, backend: one.backend });

  for (const wss of [one, two]) {
    assertEquals(await resumes(wss, cursor), false);
    assertEquals(await resumes(wss, before.cursor), false);
    assertEquals(await resumes(wss, resync.cursor), true);
    assertEquals(await resumes(wss, after.cursor), true);
  }
});

Deno.test("[KAF9] there is at most one resync in 10 s; until then cursors stay in front of what was set aside", async () => {
  using clock = fakeTimeouts();
  const log = new BreakingLog({ partitions: 2 });
  await using wss = await startWss({ log });
  const { client } = await subscribe(wss);
  await using _ = client;
  log.damage(0, 1);
  assertEquals((await client.next()).status, "resync");
  log.damage(0, 1);
  log.damage(1, 1);
  publish(wss, 1);
  const pushed = await client.next();
  await using late = (await subscribe(wss)).client;
  publish(wss, 2);
  const pushes = [await client.next(), await late.next()];
  clock.tick(9_999);
  publish(wss, 3);
  const withoutResync = [await client.next(), await late.next()];
  clock.tick(1);
  const resync = await client.next();
  publish(wss, 4);
  const after = [await client.next(), await late.next()];
  clock.tick(20_000);
  publish(wss, 5);

  assertEquals([pushed, ...pushes, ...withoutResync].map(({ payload }) => payload), [
    1,
    2,
    2,
    3,
    3,
  ]);
  assertEquals(await resumes(wss, pushed.cursor), false);
  // The other one has its list from after that.
  assertEquals(await resumes(wss, withoutResync[0]?.cursor), false);
  assertEquals(await resumes(wss, withoutResync[1]?.cursor), true);
  assertEquals(resync.status, "resync");
  assertEquals(after.map(({ payload }) => payload), [4, 4]);
  assertEquals(await resumes(wss, after[0]?.cursor), true);
  assertEquals([(await client.next()).payload, (await late.next()).payload], [5, 5]);
  for (const each of [client, late]) assertEquals(await each.pushesUntilIdle(), []);
});

Deno.test("[KAF9][DEL8] a list that is requested afterwards replaces a resync that waits", async () => {
  using clock = fakeTimeouts();
  const log = new BreakingLog();
  await using wss = await startWss({ log });
  const { client } = await subscribe(wss);
  await using _ = client;
  log.damage(0, 1);
  await client.next();
  log.damage(0, 1);
  const [session] = wss.service.sessions;
  const states = [session?.isLive];
  const { cursor } = await client.request("getMyNotifications", LIST);
  states.push(session?.isLive);
  clock.tick(20_000);
  publish(wss, 1);

  // It gets no cursor of the live end while the resync waits.
  assertEquals(states, [false, true]);
  assertEquals((await client.next()).payload, 1);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(typeof cursor, "string");
});
