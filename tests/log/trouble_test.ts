/** Whether the log can be read, as operators see it. */
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { assertEquals, assertMatch } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { LogTrouble } from "../../src/log/trouble.ts";
import { startService } from "../../src/service.ts";
import { BreakingLog } from "../_support/service/breaking_log.ts";
import { createChangedReader, replaceIn } from "../_support/service/changed_reader.ts";
import { startBackend } from "../_support/service/backend.ts";
import { testSettings } from "../_support/service/settings.ts";
import { startWss } from "../_support/service/wss.ts";

const REFUSED = { kind: "unauthorized", text: "Not authorized to read topic wss" };
const LIST = { where: { types: [] } };

/** Collects lines of the log from now on: the level, and the reason or the text. */
async function collectLines(lowestLevel: "info" | "error") {
  const lines: string[] = [];
  const take = ({ level, rawMessage, properties }: LogRecord) =>
    lines.push(`${level} ${properties.reason ?? rawMessage}`);
  await configure({
    sinks: { take },
    loggers: [
      { category: ["wss"], sinks: ["take"], lowestLevel },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  return { lines, [Symbol.asyncDispose]: reset };
}

Deno.test("[KAF10] there is a line in the log when the log can't be read, and one when it can be read again", async () => {
  await using logged = await collectLines("info");
  const trouble = new LogTrouble();
  for (const told of [null, REFUSED, { ...REFUSED }, { kind: "unreachable", text: "x" }, null]) {
    trouble.tell(told);
  }
  trouble.tell(null);
  assertEquals(logged.lines, [
    `warning ${REFUSED.text}`,
    "warning x",
    "info The log can be read again, after {afterMs} ms",
  ]);
  assertEquals([trouble.current, [...trouble.kinds]], [null, ["unauthorized", "unreachable"]]);
});

Deno.test("[DEL12][DEL13] each loss is an error in the log", async () => {
  await using logged = await collectLines("error");
  const log = new BreakingLog();
  await using wss = await startWss({ log });
  wss.publish("notification", { userId: "42", type: "a" });
  log.cut(0, 0);
  log.lose(0, 2);
  log.replace();
  log.damage(0, 1);
  assertEquals(logged.lines.map((line) => line.slice(0, 60)), [
    "error The log of partition {partition} was cut back from {be",
    "error The log no longer has the records of partition {partit",
    "error Topic {topic} is another one: its id was {before} and ",
  ]);
});

Deno.test("[KAF10] while the log can't be read, clients are served, and /why tells what is wrong", async () => {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  await using wss = await startWss({
    log,
    createReader: () => createChangedReader(log, (given) => events = given),
  });
  await using client = await wss.connect("/web", { token: "alice" });
  events?.onTrouble(REFUSED);

  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
  assertEquals((await wss.admin.request("/readyz")).status, 200);
  const { answer, known: { trouble: { since, ...trouble } } } = await wss.admin.get("/why?user=42");
  assertMatch(answer, /, or it was not read yet: Not authorized to read topic wss$/);
  assertMatch(since, /^20\S+Z$/);
  assertEquals(trouble, REFUSED);
  events?.onTrouble(null);
  assertEquals((await wss.admin.get("/why?user=42")).known.trouble, null);
});

Deno.test("[KAF10] a service waits for its log at the start, and only wrong settings make it fail", async () => {
  await using backend = startBackend({ users: {} });
  const started = Promise.withResolvers<void>();
  const reader = replaceIn(createEmbeddedLog().createReader(), { start: () => started.promise });
  const service = startService(testSettings(backend.origin), reader);
  try {
    assertEquals(service.isReady, false);
    started.reject(new Error("Cannot read certs/ca.pem"));
    assertEquals(await service.failed, "Cannot read the log: Cannot read certs/ca.pem");
    assertEquals(service.isReady, false);
  } finally {
    await service.stop();
  }
});
