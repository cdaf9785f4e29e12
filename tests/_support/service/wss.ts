/** The whole service in this process, over the embedded log, with a backend and clients. */
import type { Settings } from "../../../src/settings/settings.ts";
import { createEmbeddedLog, type EmbeddedLog } from "../../../src/dev/embedded_log.ts";
import type { LogReader } from "../../../src/log/reader.ts";
import type { ProcessCounts } from "../../../src/observe/process_gauges.ts";
import { startService } from "../../../src/service.ts";
import { freePort } from "../network/free_port.ts";
import { createAdminClient } from "./admin.ts";
import { type Backend, startBackend } from "./backend.ts";
import { connect } from "../clients/client.ts";
import { testSettings } from "./settings.ts";

export async function startWss(
  {
    users = { alice: "42", bob: "43" },
    settings = {},
    log = createEmbeddedLog(),
    backend: shared,
    createReader,
    counts,
  }: {
    /** Token → user id. */
    users?: Record<string, string | number>;
    settings?: Partial<Settings>;
    /** A log that other instances read as well. */
    log?: EmbeddedLog;
    /** A backend that other instances ask as well. */
    backend?: Backend;
    /** Another log than the embedded one. */
    createReader?: (settings: Settings) => LogReader;
    /** What its process counts. */
    counts?: ProcessCounts;
  } = {},
) {
  const backend = shared ?? startBackend({ users });
  const parsed = testSettings(backend.origin, { ADMIN_PORT: freePort(), ...settings });
  const service = startService(parsed, createReader?.(parsed) ?? log.createReader(), { counts });
  await service.ready;
  const { port } = service.address;
  const stopped = { once: undefined as Promise<void> | undefined };

  return {
    backend,
    service,
    log,
    admin: createAdminClient(`http://127.0.0.1:${parsed.ADMIN_PORT}`),
    http: `http://127.0.0.1:${port}`,
    ws: `ws://127.0.0.1:${port}`,
    connect: (endpoint: string, options?: Parameters<typeof connect>[1]) =>
      connect(`ws://127.0.0.1:${port}${endpoint}`, options),
    /** Writes a message to the log; gives its record's id. */
    publish: (type: string, document: unknown, partition = 0) =>
      `${partition}-${log.publish(JSON.stringify({ type, document }), partition)}`,
    stop: () => stopped.once ??= service.stop(),
    async [Symbol.asyncDispose]() {
      await this.stop();
      if (!shared) await backend[Symbol.asyncDispose]();
    },
  };
}

export type Wss = Awaited<ReturnType<typeof startWss>>;

/** Two instances that read the same log and ask the same backend. */
export async function startTwo(options: Parameters<typeof startWss>[0] = {}) {
  const log = createEmbeddedLog({ partitions: 3 });
  const backend = startBackend({ users: { alice: "42", bob: "43" } });
  const one = await startWss({ ...options, log, backend });
  const two = await startWss({ ...options, log, backend });
  return {
    one,
    two,
    log,
    backend,
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}
