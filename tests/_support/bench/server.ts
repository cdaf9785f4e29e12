/**
 * wss as a process of a benchmark: the whole service, over an embedded log. Publishes for user 42.
 */
import { settingsOf, testEnvironment } from "../settings.ts";
import { exactNow } from "./clock.ts";
import { answer, childOptions, cpuMs, residentBytes, say } from "./parent.ts";

/** What it is told at its start. */
interface Options {
  /** The folder of its source, which may be that of another build. */
  readonly source?: string;
  /** The origin of its backend, another process. */
  readonly backend: string;
  readonly settings?: Record<string, string>;
}

/** Publish so many messages in one turn, with so many bytes of data each; none to be told of CPU only. */
interface Question {
  readonly times?: number;
  readonly bytes?: number;
  /** Whether to tell the memory that it takes as well. */
  readonly memory?: boolean;
}

const { source = new URL("../../../src", import.meta.url).href, backend, settings }: Options =
  childOptions();
const { createEmbeddedLog } = await import(`${source}/dev/embedded_log.ts`);
const { startService } = await import(`${source}/service.ts`);

const log = createEmbeddedLog();
const service = startService(
  settingsOf({
    ...testEnvironment(backend),
    // Nothing is done but what is measured; and the clients answer no pings.
    PING_SECONDS: "86400",
    CURSOR_SECONDS: "86400",
    AUTH_REVALIDATE_SECONDS: "0",
    ...settings,
  }),
  log.createReader(),
);
await service.ready;
say({ port: service.address.port });

await answer(async ({ times = 0, bytes = 0, memory = false }: Question) => {
  const document = { userId: "42", type: "message", data: "x".repeat(Math.max(0, bytes - 2)) };
  const value = JSON.stringify({ type: "notification", document });
  const before = { at: exactNow(), cpuMs: cpuMs() };
  for (let i = 0; i < times; i++) log.publish(value);
  return {
    ...before,
    connections: service.connections,
    ...memory && { residentBytes: await residentBytes() },
  };
});
