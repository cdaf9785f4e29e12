/**
 * Runs one service for as long as the process lives: signals, and the exit code. `main` and
 * `deno task dev` call it.
 */
import { getLogger } from "@logtape/logtape";
import { ListenError } from "./http/listen.ts";
import type { LogReader } from "./log/reader.ts";
import { type Logging, startLogging } from "./observe/logging.ts";
import { createProcessCounts, type ProcessCounts } from "./observe/process_gauges.ts";
import {
  type Service,
  type ServiceOptions,
  type ServiceSettings,
  startService,
} from "./service.ts";
import { checkOpenFiles } from "./service/open_files.ts";
import { bracketed } from "./settings/bracketed.ts";
import type { StopSignals } from "./util/stop_signals.ts";

const logger = getLogger(["wss", "main"]);

/** Options of {@linkcode runService}. */
export interface RunOptions extends Omit<ServiceOptions, "counts"> {
  /** After which the service stops. */
  readonly signals: Pick<StopSignals, "first" | "second">;
  /** Called when clients are served. */
  readonly onReady?: (service: Service) => void;
}

/**
 * Starts logging and the service, and stops both after SIGTERM or SIGINT. A second signal ends the
 * process at once, with exit code 1.
 *
 * @returns The exit code: 0 after a signal, 1 if the service could not start or go on
 */
export async function runService(
  settings: ServiceSettings,
  reader: LogReader,
  options: RunOptions,
): Promise<number> {
  const counts = createProcessCounts();
  const logging = await startLogging(settings, counts);
  try {
    return await runUntilSignal(settings, reader, { ...options, counts, logging });
  } finally {
    await logging.end();
  }
}

async function runUntilSignal(
  settings: ServiceSettings,
  reader: LogReader,
  { signals, onReady, logging, ...options }:
    & RunOptions
    & { readonly counts: ProcessCounts; readonly logging: Logging },
): Promise<number> {
  watchUncaught(options.counts);
  checkOpenFiles(settings);
  let service: Service;
  try {
    service = startService(settings, reader, options);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { port, cause } = error;
    const host = bracketed(error.host);
    logger.error("Cannot listen on {host}:{port}: {cause}", { host, port, cause });
    return 1;
  }
  logAddresses(service, settings);
  service.ready.then((isReady) => {
    if (!isReady) return;
    logger.info("Ready: clients are served");
    onReady?.(service);
  }, () => {});

  const end = await Promise.race([signals.first, service.failed.then((failure) => ({ failure }))]);
  const hasFailed = typeof end !== "string";
  // After a failure, the service already stops when the first signal comes.
  (hasFailed ? signals.first : signals.second).then(async () => {
    logger.warn("One more signal: the process ends at once");
    await logging.end();
    Deno.exit(1);
  });
  if (hasFailed) logger.error(end.failure);
  else logger.info("Stopping after {signal}", { signal: end });
  await service.stop();
  logger.info("Stopped");
  return hasFailed ? 1 : 0;
}

/**
 * Logs and counts uncaught errors. They are defects, but they must not end the process and all of its
 * connections.
 */
export function watchUncaught({ uncaught }: Pick<ProcessCounts, "uncaught">): void {
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    uncaught.error++;
    logger.error("Uncaught error: {reason}", { reason: event.error });
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    uncaught.rejection++;
    logger.error("Unhandled rejection: {reason}", { reason: event.reason });
  });
}

function logAddresses(
  { address: { hostname, port } }: Pick<Service, "address">,
  { ADMIN_HOST, ADMIN_PORT }: Pick<ServiceSettings, "ADMIN_HOST" | "ADMIN_PORT">,
): void {
  logger.info("Listening on {host}:{port}", { host: bracketed(hostname), port });
  if (ADMIN_PORT === 0) return;
  logger.info("The admin port is {host}:{port}", { host: bracketed(ADMIN_HOST), port: ADMIN_PORT });
}
