/** The memory after many messages, many connections, and inputs of every kind. */
import { assert } from "@std/assert";
import { connect } from "../_support/clients/client.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import {
  assertConnectionsLeaveNothing,
  assertInputLeavesNothing,
  assertWindowIsCounted,
} from "../_support/memory/heap.ts";
import { startBackend } from "../_support/service/backend.ts";
import { memoryOf, startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

Deno.test("[DEL7] the bytes that a full window counts are those on the heap, to 30 %", () =>
  assertWindowIsCounted({ messages: 50_000 }));

kafkaTest("[DEL7] memory stops growing over 1,800,000 messages of 300 bytes", async () => {
  await using topic = await createTopic({ partitions: 3 });
  await using backend = startBackend({ users: { alice: "42" } });
  await using wss = await startProcess({
    env: { ...testEnvironment(backend.origin), ...topic.env },
  });
  const port = await wss.port();
  await wss.line(/Ready/);
  await using client = await connect(`ws://127.0.0.1:${port}/web`, { token: "alice" });
  await client.request("getMyNotifications", { where: { types: [] } });
  const message = (userId: string, data: unknown) => ({
    type: "notification",
    document: { userId, type: "message", data },
  });

  /** Gives the megabytes that it takes after 300,000 more messages; the window holds about 90,000. */
  const more = async (round: number): Promise<number> => {
    for (let n = 0; n < 300; n++) {
      const values = Array.from(
        { length: 1000 },
        (_, i) => message(`user-${round}-${n}-${i}`, "x".repeat(220)),
      );
      await topic.produce(values, { partition: n % 3 });
    }
    for (const partition of [0, 1, 2]) {
      await topic.produce([message("42", partition)], { partition });
    }
    for (let i = 0; i < 3; i++) await client.next();
    return await memoryOf(wss.pid);
  };

  const rss = [];
  for (let round = 0; round < 6; round++) rss.push(await more(round));

  // V8 collects late, so single values go up and down: the lowest of the later ones counts.
  const [earlier, later] = [Math.max(...rss.slice(0, 3)), Math.min(...rss.slice(3))];
  assert(later < 1.15 * earlier, `${rss.map(Math.round)} MiB`);
});

Deno.test("[LIFE3] the heap is no larger after 50,000 connections than after 5,000", () =>
  assertConnectionsLeaveNothing({ first: 5000, all: 50_000 }));

Deno.test("[LIFE3] under random input from outside, the heap is level after the first quarter", () => {
  const seed = Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Int32Array(1))[0]);
  return assertInputLeavesNothing({ seed, inputs: 20_000, maxBytes: 50 });
});

/** The most lists that a session has under way: MAX_INFLIGHT. */
const LISTS = 16;
const GUESTS = 20;

kafkaTest(
  "[LIM8] 20 guests that read nothing cost one list of 4 MB each, also after they were closed",
  async () => {
    const list = `["${"x".repeat(4_000_000)}"]`;
    await using topic = await createTopic();
    await using backend = startBackend();
    backend.on("GET /schedule", () => new Response(list));
    const debug = { SLOW_TIMEOUT_SECONDS: "1", LOG_LEVEL: "debug" };
    await using wss = await startProcess({
      env: { ...testEnvironment(backend.origin), ...topic.env, ...debug },
    });
    const port = await wss.port();
    await wss.line(/Ready/);
    const before = await memoryOf(wss.pid);
    using guests = new DisposableStack();

    for (let guest = 0; guest < GUESTS; guest++) {
      const socket = guests.use(await openRawSocket(`ws://127.0.0.1:${port}/mobile`));
      for (let rid = 1; rid <= LISTS; rid++) {
        const where = { from: rid, to: 1000 + guest, timezone: "UTC" };
        await socket.request({ rid, command: "getSchedules", options: { where } });
      }
    }
    for (let guest = 0; guest < GUESTS; guest++) await wss.line(/too_slow/);
    // V8 collects the garbage of so many lists only when the process has been idle for a while.
    let most = 0;
    for (const end = performance.now() + 30_000; performance.now() < end;) {
      most = Math.max(most, await memoryOf(wss.pid));
    }
    const later = await memoryOf(wss.pid);

    const figures = `${before} MiB before, at most ${most} after the close, ${later} after 30 s`;
    assert(most < before + 250, figures);
    assert(later < before + 150, figures);
  },
);
