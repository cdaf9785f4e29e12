import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import type { Positions } from "../../src/log/cursor.ts";
import { ResumePoints } from "../../src/log/resume.ts";
import { Stream } from "../../src/log/stream.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import { createEmbeddedLog, type EmbeddedLog } from "../../src/dev/embedded_log.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { until } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

/** Reads a log, and can be late: then records are kept until they are let in. */
function createLateReader(log: EmbeddedLog, createReader = () => log.createReader()) {
  const late = {
    /** Let in the kept records, in the order of the log. */
    kept: [] as (() => void)[],
    isLate: false,
    letIn() {
      for (const letIn of late.kept.splice(0)) letIn();
    },
    createReader: () =>
      createChangedReader({ createReader }, (events) => ({
        ...events,
        onRecord(record) {
          if (!late.isLate) return events.onRecord(record);
          late.kept.push(() => void events.onRecord(record));
          return undefined;
        },
      })),
  };
  return late;
}

Deno.test("[DEL5] with a cursor from an instance that is ahead, no push is missing and none comes twice", async () => {
  const log = createEmbeddedLog({ partitions: 3 });
  const late = createLateReader(log);
  await using ahead = await startWss({ log });
  await using behind = await startWss({ ...late, backend: ahead.backend });
  await using other = await behind.connect("/web", { token: "alice" });
  await other.request("getMyNotifications", LIST);
  await using first = await ahead.connect("/web", { token: "alice" });
  await first.request("getMyNotifications", LIST);

  late.isLate = true;
  for (const n of [0, 1, 2]) ahead.publish("notification", push(n), n);
  const [, , last] = [await first.next(), await first.next(), await first.next()];
  for (const n of [3, 4, 5]) ahead.publish("notification", push(n), n % 3);
  await using client = await behind.connect("/web", { token: "alice" });
  const since = last?.cursor;
  const reply = await client.request("getMyNotifications", { ...LIST, since });
  // The first partition comes first, as it may from Kafka.
  for (const i of [0, 3, 1, 2, 4, 5]) late.kept[i]?.();
  late.isLate = false;
  ahead.publish("notification", push("live"));

  assertEquals([reply.recovered, reply.cursor], [true, since]);
  const payloads = (await client.pushesUntilIdle()).map(({ payload }) => payload);
  assertEquals(payloads, [3, 4, 5, "live"]);
  assertEquals((await other.pushesUntilIdle()).length, 7);
});

Deno.test("[DEL5][DEL13] a record whose time is hours ahead keeps nobody from resuming on another instance", async () => {
  for (const isLate of [false, true]) {
    const log = createEmbeddedLog();
    const createReader = () =>
      createChangedReader(log, (events) => ({
        ...events,
        onRecord: (record) =>
          events.onRecord({ ...record, timestamp: record.timestamp + 2 * 3_600_000 }),
      }));
    const late = createLateReader(log, createReader);
    await using one = await startWss({ createReader });
    await using two = await startWss({ ...late, backend: one.backend });
    await using first = await one.connect("/web", { token: "alice" });
    await first.request("getMyNotifications", LIST);
    late.isLate = true;
    // The other instance reads it more than an hour later.
    const clock = FakeTimers.install({ toFake: ["Date"], now: Date.now() });
    try {
      log.publish(JSON.stringify({ type: "notification", document: push(1) }));
      const { cursor: since } = await first.next();
      clock.tick(61 * 60_000);
      if (!isLate) late.letIn();
      await using client = await two.connect("/web", { token: "alice" });
      const reply = await client.request("getMyNotifications", { ...LIST, since });
      late.letIn();
      log.publish(JSON.stringify({ type: "notification", document: push(2) }));
      late.letIn();

      assertEquals(reply.recovered, true);
      const pushes = await client.pushesUntilIdle();
      assertEquals(pushes.map(({ status, payload }) => [status, payload]), [["update", 2]]);
    } finally {
      clock.uninstall();
    }
  }
});

Deno.test("[DEL5] if a client asks again with a cursor that is ahead, pushes that it has do not come again", async () => {
  const log = createEmbeddedLog();
  const late = createLateReader(log);
  await using ahead = await startWss({ log });
  await using behind = await startWss({ ...late, backend: ahead.backend });
  await using first = await ahead.connect("/web", { token: "alice" });
  await first.request("getMyNotifications", LIST);
  await using client = await behind.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);

  late.isLate = true;
  ahead.publish("notification", push("had elsewhere"));
  ahead.publish("notification", push("new"));
  const { cursor: since } = await first.next();
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });
  for (const letIn of late.kept) letIn();

  assertEquals(recovered, true);
  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["new"]);
});

Deno.test("[DEL5] if an instance reads reloads late, those that the client already has do not count", async () => {
  const log = createEmbeddedLog({ partitions: 2 });
  const late = createLateReader(log);
  await using ahead = await startWss({ log });
  await using behind = await startWss({ ...late, backend: ahead.backend });
  await using first = await ahead.connect("/web", { token: "alice" });
  const { event } = await first.request("getMyNotifications", LIST);
  const reload = { subscriptions: [event], options: { reload: true } };

  late.isLate = true;
  ahead.publish("update_subscription", reload, 1);
  const { cursor: since } = await first.next();
  ahead.publish("update_subscription", reload, 0);
  ahead.publish("update_subscription", reload, 0);
  await using client = await behind.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", { ...LIST, since });
  // Else one of the other instance's requests could be held.
  await until("it has no reload left", () => ahead.service.reloads.size === 0);
  const release = ahead.backend.hold("GET /notification");
  late.kept[1]?.();
  const letGo = await release();
  late.kept[2]?.();
  late.kept[0]?.();
  letGo();
  (await release())();

  assertEquals((await client.next()).id, "0-0");
  assertEquals((await client.next()).id, "0-1");
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[DEL6] however many clients have a cursor past the end, the leaders are asked once, and once more for those who come meanwhile", async () => {
  const limits = { topic: "wss", windowMs: 60_000, maxBytes: 1_000_000 };
  const stream = new Stream(limits);
  const ahead = new Stream(limits);
  stream.open(0, { first: 0, position: 0 });
  ahead.open(0, { first: 0, position: 7 });
  const asked: PromiseWithResolvers<Positions>[] = [];
  const points = new ResumePoints({
    stream,
    askEnds() {
      asked.push(Promise.withResolvers());
      return asked.at(-1)?.promise ?? Promise.reject();
    },
  });
  const target = notificationTarget({ userId: "42", types: [] });
  const places = Array.from({ length: 200 }, () => points.locate(ahead.cursor, target));

  await Promise.resolve();
  asked[0]?.resolve([0]);
  assertEquals(await places[0], "past_the_end");
  await Promise.resolve();
  asked[1]?.resolve([0]);
  assertEquals(new Set(await Promise.all(places)), new Set(["past_the_end"]));
  assertEquals(asked.length, 2);
});
