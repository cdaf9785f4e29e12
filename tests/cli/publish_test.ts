import { assert, assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { OutputError } from "../../src/cli/print.ts";
import { publish } from "../../src/cli/publish.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";
import { startProcess } from "../_support/service/process.ts";

/** Runs a command line to its end. */
async function run(args: string[], env: Record<string, string> = {}) {
  await using wss = await startProcess({ args, env });
  return { code: await wss.exitCode(), out: wss.said, err: wss.complaints };
}

Deno.test("publish needs the settings of Kafka and no others", async () => {
  const args = ["publish", "--user", "42", "--type", "message", "--data", "1"];
  const { code, out, err } = await run(args, { KAFKA_SSL: "yes", PORT: "{{port}}" });
  assertEquals([code, out], [2, []]);
  assertEquals(err, [
    "KAFKA_BROKERS is missing: expected a comma-separated list of host:port, such as " +
    "localhost:9092 or [::1]:9092",
    'KAFKA_SSL is "yes": expected true, false, or the path of a CA file below ./certs',
  ]);
});

Deno.test("publish says within seconds that brokers cannot be reached, or do not answer", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr as Deno.NetAddr;
  for (const KAFKA_BROKERS of ["127.0.0.1:1", `127.0.0.1:${port}`]) {
    const args = ["publish", "--user", "42", "--type", "message", "--data", "1"];
    const start = performance.now();
    const { code, out, err } = await run(args, { KAFKA_BROKERS });
    assertEquals({ code, out, errors: err.length }, { code: 1, out: [], errors: 1 });
    assert(err[0]?.startsWith(`Cannot write to topic wss at ${KAFKA_BROKERS}: `), err[0]);
    assert(performance.now() - start < 30_000);
  }
});

Deno.test("publish succeeds if its connections do not close after the write, or the id can't be printed", async () => {
  using clock = Object.assign(FakeTimers.install(), {
    [Symbol.dispose]: () => clock.uninstall(),
  });
  const stops = [
    () => Promise.reject(new Error("reset")),
    () => Promise.withResolvers<void>().promise,
    () => Promise.resolve(),
  ];
  const said: string[] = [];
  for (const stop of stops) {
    const done = publish(
      () => Promise.resolve({ publish: () => Promise.resolve({ partition: 1, offset: 2 }), stop }),
      {
        message: { key: "42", value: "{}" },
        onWritten: (id) => said.push(id),
        onTrouble: (problem) => said.push(problem),
      },
    );
    await clock.runAllAsync();
    await done;
  }
  await publish(
    () =>
      Promise.resolve({
        publish: () => Promise.resolve({ partition: 1, offset: 3 }),
        stop: () => Promise.resolve(),
      }),
    {
      message: { key: "42", value: "{}" },
      onWritten: () => {
        throw new OutputError("full");
      },
      onTrouble: (problem) => said.push(problem),
    },
  );
  assertEquals(said, [
    "1-2",
    "Written, but the connections did not close: reset",
    "1-2",
    "Written, but the connections did not close within 2 s",
    "1-2",
    "Written as 1-3, but the id could not be printed: Cannot write to stdout: full",
  ]);
});

kafkaTest("connect prints what publish writes, and /why explains it", async () => {
  await using topic = await createTopic({ partitions: 3 });
  await using wss = await topic.startWss();
  await using client = await startProcess({
    args: ["connect", `${wss.ws}/web`, "--token", "alice", "--json"],
  });
  await using other = await wss.connect("/web", { token: "alice" });
  await other.request("getMyNotifications", { where: { types: [] } });
  await client.line(/list/);
  const data = '{"text":"Hello","number":12345678901234567890}';
  const args = ["publish", "--user", "42", "--type", "message", "--data", data];
  const { code, out, err } = await run(args, topic.env);

  assertEquals({ code, err, lines: out.length }, { code: 0, err: [], lines: 1 });
  const [, partition, offset] = /^(\d)-(\d+)$/.exec(out[0] ?? "") ?? [];
  const update = JSON.parse(await client.line(/update/));
  assertEquals([update.kind, update.data.text], ["update", "Hello"]);
  assert((await other.nextText()).includes(`"payload":${data}`));
  await until("it is known to be sent", async () => {
    const why = await wss.admin.get(`/why?partition=${partition}&offset=${offset}`);
    return /For session \S+: sent/.test(why.answer);
  });
});
