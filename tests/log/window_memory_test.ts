import { assert } from "@std/assert";
import { fileURLToPath } from "node:url";
import { startBackend } from "../_support/service/backend.ts";
import { connect } from "../_support/clients/client.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { memoryOf, startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

Deno.test("[DEL7] the bytes that the window counts are those on the heap, to 30 %", async () => {
  const script = fileURLToPath(new URL("../_support/memory/measure_window.ts", import.meta.url));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--v8-flags=--expose-gc", script],
  }).output();

  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert(lines.length > 10, new TextDecoder().decode(stderr));
  for (const line of lines) {
    const { heap, counted, maxBytes } = JSON.parse(line);
    assert(counted <= maxBytes, line);
    assert(Math.abs(heap / counted - 1) < 0.3, line);
  }
});

kafkaTest("[DEL7] memory stops growing over 900,000 messages of 300 bytes", async () => {
  await using topic = await createTopic({ partitions: 3 });
  await using backend = startBackend({ users: { alice: "42" } });
  await using wss = await startProcess({
    env: { ...testEnvironment(backend.origin), ...topic.settings },
  });
  const port = await wss.port();
  await wss.line(/Ready/);
  await using client = await connect(`ws://127.0.0.1:${port}/web`, { token: "alice" });
  await client.request("getMyNotifications", { where: { types: [] } });
  const message = (userId: string, data: unknown) => ({
    type: "notification",
    document: { userId, type: "message", data },
  });

  /** The process's MiB after 300,000 more messages. The window holds about 90,000 of them. */
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

  const rss = [await more(0), await more(1), await more(2)];

  const [, second = NaN, third = NaN] = rss;
  assert(third < 1.15 * second, `${rss.map(Math.round)} MiB`);
});
