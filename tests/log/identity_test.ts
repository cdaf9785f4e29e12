/** Which log a cursor and an id are of: a topic that was made again, and a log that was cut back. */
import { assertEquals, assertNotEquals } from "@std/assert";
import type { Client } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { BreakingLog } from "../_support/service/breaking_log.ts";
import { metricNames, series } from "../_support/service/metrics.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"], token: "alice" };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

/** What a client gets that comes with a cursor: whether it resumes, and the payloads of its pushes. */
async function resume(wss: Wss, since: string | undefined): Promise<unknown[]> {
  await using client = await wss.connect("/web", V1);
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });
  return [recovered, ...(await client.pushesUntilIdle()).map(({ payload }) => payload)];
}

/** Publishes, and gives the push with the time of the log moved on. */
async function publishTo(client: Client, wss: Wss, data: unknown) {
  const since = Date.now();
  await until("a millisecond has passed", () => Date.now() > since);
  wss.publish("notification", push(data));
  return await client.next();
}

Deno.test("[DEL13] if the topic is made again, a cursor of the old one gets the list, and ids begin again", async () => {
  const log = new BreakingLog();
  await using one = await startWss({ log });
  await using client = await one.connect("/web", V1);
  const { cursor: first } = await client.request("getMyNotifications", LIST);
  const old = [await publishTo(client, one, "old 1"), await publishTo(client, one, "old 2")];
  log.replace();
  const resync = await client.next();
  const fresh = [await publishTo(client, one, "new 1"), await publishTo(client, one, "new 2")];
  await using two = await startWss({ log, backend: one.backend });

  assertEquals(old.map(({ id }) => id), ["0-0", "0-1"]);
  assertEquals([resync.status, resync.payload], ["resync", { missed: null }]);
  assertEquals(fresh.map(({ id, payload }) => [id, payload]), [["0-0", "new 1"], ["0-1", "new 2"]]);
  for (const wss of [one, two]) {
    for (const cursor of [first, ...old.map(({ cursor }) => cursor)]) {
      assertEquals(await resume(wss, cursor), [false]);
    }
    assertEquals(await resume(wss, resync.cursor), [true, "new 1", "new 2"]);
    assertEquals(await resume(wss, fresh[0]?.cursor), [true, "new 2"]);
    assertEquals(await wss.admin.metric(series("resumes_total", { outcome: "other_log" })), 3);
  }
});

Deno.test("[DEL13] a log that was cut back and has grown again gets no cursor of the old one", async () => {
  const log = new BreakingLog();
  await using one = await startWss({ log });
  await using client = await one.connect("/web", V1);
  await client.request("getMyNotifications", LIST);
  const kept = await publishTo(client, one, "kept");
  const old = [await publishTo(client, one, "old 1"), await publishTo(client, one, "old 2")];
  log.cut(0, 1);
  const resync = await client.next();
  const fresh = [];
  for (const n of [1, 2, 3]) fresh.push(await publishTo(client, one, `new ${n}`));
  await using two = await startWss({ log, backend: one.backend });

  assertEquals(resync.status, "resync");
  assertEquals(fresh.map(({ id }) => id), ["0-1", "0-2", "0-3"]);
  for (const wss of [one, two]) {
    for (const { cursor } of old) assertEquals(await resume(wss, cursor), [false]);
    assertEquals(await resume(wss, resync.cursor), [true, "new 1", "new 2", "new 3"]);
    assertEquals(await resume(wss, fresh[1]?.cursor), [true, "new 3"]);
  }
  // This instance knows that the client may have missed something that was cut.
  assertEquals(await resume(one, kept.cursor), [false]);
});

Deno.test("[DEL13] without ids of topics, a log that was made again is told by the time of a cursor", async () => {
  const log = new BreakingLog({ knowsIds: false });
  await using one = await startWss({ log });
  await using client = await one.connect("/web", V1);
  await client.request("getMyNotifications", LIST);
  const old = await publishTo(client, one, "old");
  log.replace();
  const resync = await client.next();
  await publishTo(client, one, "new 1");
  const fresh = await publishTo(client, one, "new 2");
  await using two = await startWss({ log, backend: one.backend });

  for (const wss of [one, two]) {
    assertEquals(await resume(wss, old.cursor), [false]);
    assertEquals(await resume(wss, resync.cursor), [true, "new 1", "new 2"]);
    assertEquals(await resume(wss, fresh.cursor), [true]);
  }
});

Deno.test("[DEL13][DEL10] partitions of an old log are forgotten: positions, metrics and whether they are fresh", async () => {
  const log = new BreakingLog({ partitions: 3 });
  await using wss = await startWss({ log, settings: { DEGRADED_AFTER_SECONDS: 1 } });
  await using client = await wss.connect("/web", V1);
  await client.request("getMyNotifications", LIST);
  for (const partition of [0, 1, 2]) wss.publish("notification", push(partition), partition);
  for (let i = 0; i < 3; i++) await client.next();
  const partitions = async () => {
    const lines = await wss.admin.metrics();
    const names = metricNames(lines).filter((name) => name.startsWith("wss_kafka_"));
    const labels = lines.map((line) => /^(\w+)\{partition="(\d)"\}/.exec(line) ?? [])
      .filter(([, name = ""]) => names.includes(name)).map(([, , partition]) => partition);
    return [...new Set(labels)].sort();
  };
  const before = await partitions();
  log.replace({ partitions: 1 });
  assertEquals((await client.next()).status, "resync");

  assertEquals([before, await partitions()], [["0", "1", "2"], ["0"]]);
  assertEquals(wss.service.stream.positions, [0]);
  wss.publish("notification", push("new"));
  assertEquals((await client.next()).id, "0-0");
  assertEquals(wss.service.isDegraded, false);
});

Deno.test("[DEL13] /why tells that ids were those of other records, and what the log has lost", async () => {
  const log = new BreakingLog();
  await using wss = await startWss({ log });
  await using client = await wss.connect("/web", V1);
  await client.request("getMyNotifications", LIST);
  for (const data of [1, 2, 3]) await publishTo(client, wss, data);
  const why = (offset: number) => wss.admin.get(`/why?partition=0&offset=${offset}`);
  const { known: { topicId } } = await why(0);

  log.cut(0, 1);
  await client.next();
  const { id } = await publishTo(client, wss, 4);
  const cut = (await why(1)).answer.replaceAll(/20\S+Z/g, "TIME");
  log.replace();
  await client.next();
  const { answer, known } = await why(0);

  assertEquals(id, "0-1");
  assertEquals(
    cut.slice(cut.lastIndexOf(". Until")),
    ". Until TIME, when the log was cut back, this id may have been another record's",
  );
  assertEquals(
    answer.replaceAll(/20\S+Z/g, "TIME"),
    "It has not been read yet: partition 0 is read up to offset 0. " +
      "Until TIME, when the topic was made again, this id may have been another record's",
  );
  assertNotEquals(known.topicId, topicId);
  assertEquals(known.lost.map(({ at: _, ...lost }: { at: string }) => lost), [
    { why: "log cut back", partition: 0, from: 1, to: 3 },
    { why: "log replaced" },
  ]);
});

Deno.test("[DEL13] a record in quarantine is not replayed if its id may be that of another record", async () => {
  const log = new BreakingLog();
  await using wss = await startWss({ log });
  wss.log.publish("{");
  wss.log.publish("{");
  log.cut(0, 1);
  const replay = (offset: number) =>
    wss.admin.post("/quarantine/replay", { partition: 0, offset, dryRun: true });

  assertEquals((await replay(0)).status, 200);
  const cut = await replay(1);
  wss.log.publish("{");
  const another = await replay(1);
  log.replace();
  const replaced = await replay(0);

  assertEquals([cut.status, cut.body.error], [
    409,
    "Record 0-1 is not in the log any more: the log was cut back in front of it",
  ]);
  assertEquals(another.status, 200);
  assertEquals([replaced.status, replaced.body.error], [
    409,
    "Record 0-0 is not in the log any more: the topic was made again",
  ]);
});

Deno.test("[DEL13] an instance that does not know of a cut yet writes no cursor that skips the new records", async () => {
  const log = new BreakingLog({ partitions: 2 });
  await using one = await startWss({ log });
  await using client = await one.connect("/web", V1);
  await client.request("getMyNotifications", LIST);
  for (const data of ["kept", "old 1", "old 2"]) await publishTo(client, one, data);
  log.stall(true);
  await using two = await startWss({ log, backend: one.backend });
  log.cut(0, 1);
  await using other = await two.connect("/web", V1);
  await other.request("getMyNotifications", LIST);
  for (const data of ["new 1", "new 2", "new 3"]) await publishTo(other, two, data);
  // This cursor is written after the new records were.
  const late = await client.request("getMyNotifications", LIST);

  assertEquals(await resume(two, late.cursor), [false]);
  log.stall(false);
  assertEquals((await client.next()).status, "resync");
  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ payload }) => payload), ["new 1", "new 2", "new 3"]);
  assertEquals(await resume(two, pushes[1]?.cursor), [true, "new 3"]);
});

Deno.test("[DEL13][DEL6] a cursor of the old log gets the list also if the log was cut once more, at its place", async () => {
  const log = new BreakingLog({ partitions: 1 });
  await using one = await startWss({ log });
  await using client = await one.connect("/web", V1);
  await client.request("getMyNotifications", LIST);
  for (const data of ["kept", "old"]) await publishTo(client, one, data);
  log.stall(true);
  await using two = await startWss({ log, backend: one.backend });
  log.cut(0, 1);
  await using other = await two.connect("/web", V1);
  await other.request("getMyNotifications", LIST);
  for (const data of ["new 1", "new 2"]) await publishTo(other, two, data);
  log.cut(0, 2);
  assertEquals((await other.next()).status, "resync");
  await publishTo(other, two, "new 3");
  // This cursor is written after both cuts, by an instance that knows of none.
  const late = await client.request("getMyNotifications", LIST);

  assertEquals(await resume(two, late.cursor), [false]);
});
