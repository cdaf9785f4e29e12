/**
 * wss, in a process of its own: the whole service, with an embedded log. It publishes for user 42, or for
 * all subscriptions to the schedule.
 */
import { settingsOf, testEnvironment } from "../../_support/service/settings.ts";
import { exactNow } from "../harness/clock.ts";
import { answer, childOptions, cpuMs, residentBytes, say } from "../harness/parent.ts";

/** The options of the process. */
interface Options {
  /** The folder of its source, which may be another build's. */
  readonly source?: string;
  /** The origin of its backend, which is another process. */
  readonly backend: string;
  /** What to publish; by default notifications. */
  readonly publishes?: "notification" | "schedule";
  readonly settings?: Record<string, string>;
}

/** A question: publish this many messages in one turn, of this many bytes of data. Without: the CPU only. */
interface Question {
  readonly times?: number;
  readonly bytes?: number;
  /** Whether to say its memory as well. */
  readonly memory?: boolean;
}

const {
  source = new URL("../../../src", import.meta.url).href,
  backend,
  publishes = "notification",
  settings,
}: Options = childOptions();
const { createEmbeddedLog } = await import(`${source}/dev/embedded_log.ts`);
const { startService } = await import(`${source}/service.ts`);

const log = createEmbeddedLog();
const service = startService(
  settingsOf({
    ...testEnvironment(backend),
    // Nothing else should run than what is measured. The clients answer no pings.
    PING_SECONDS: "86400",
    CURSOR_SECONDS: "86400",
    AUTH_REVALIDATE_SECONDS: "0",
    ...settings,
  }),
  log.createReader(),
);
await service.ready;
say({ port: service.address.port });

function message(data: string) {
  return publishes === "schedule"
    ? { type: "update_subscription", document: { resource: "schedule", data } }
    : { type: "notification", document: { userId: "42", type: "message", data } };
}

await answer(async ({ times = 0, bytes = 0, memory = false }: Question) => {
  const value = JSON.stringify(message("x".repeat(Math.max(0, bytes - 2))));
  const before = { at: exactNow(), cpuMs: cpuMs() };
  for (let i = 0; i < times; i++) log.publish(value);
  return {
    ...before,
    connections: service.connections,
    ...memory && { residentBytes: await residentBytes() },
  };
});
