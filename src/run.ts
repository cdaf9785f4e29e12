/**
 * Runs a service for as long as the process lives; `main` and `deno task dev` come to this.
 */
import { getLogger } from "@logtape/logtape";
import { ListenError } from "./http/listen.ts";
import { startLogging, stopLogging } from "./observe/logging.ts";
import type { LogReader } from "./log/reader.ts";
import type { Settings } from "./settings/settings.ts";
import type { Fallback } from "./http/server.ts";
import { type Service, type ServiceSettings, startService } from "./service.ts";

const logger = getLogger(["wss", "main"]);

/** Milliseconds in which a signal that comes again is the same: `deno task` passes on what it gets. */
const SAME_SIGNAL_MS = 500;

/** What {@linkcode runService} may be given. */
export interface RunOptions {
  /** Called once clients are served. */
  readonly onReady?: (service: Service) => void;
  /** Answers paths on the clients' port that the service does not know. */
  readonly fallback?: Fallback;
}

/**
 * Starts the service and stops it at SIGTERM or SIGINT.
 *
 * @returns The exit code: 0 after a signal, 1 where it could not start or go on
 */
export async function runService(
  settings: ServiceSettings & Pick<Settings, "INSTANCE_ID">,
  reader: LogReader,
  options: RunOptions = {},
): Promise<number> {
  await startLogging(settings);
  try {
    return await runUntilSignal(settings, reader, options);
  } finally {
    await stopLogging();
  }
}

async function runUntilSignal(
  settings: ServiceSettings,
  reader: LogReader,
  { onReady, fallback }: RunOptions,
): Promise<number> {
  // What nobody caught is a defect, to be seen in the log; it must not end all connections.
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    logger.error("An error was not caught: {reason}", { reason: event.error });
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    logger.error("A rejection was not handled: {reason}", { reason: event.reason });
  });
  const signals = listenToSignals();

  let service: Service;
  try {
    service = startService(settings, reader, { fallback });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { host, port, cause } = error;
    logger.error("Cannot listen on {host}:{port}: {cause}", { host, port, cause });
    return 1;
  }
  const { hostname, port } = service.address;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  logger.info("Listening on {host}:{port}", { host, port });
  if (settings.ADMIN_PORT > 0) {
    logger.info("The admin port is {host}:{port}", {
      host: settings.ADMIN_HOST,
      port: settings.ADMIN_PORT,
    });
  }
  service.ready.then((isReady) => {
    if (!isReady) return;
    logger.info("Ready: clients are served");
    onReady?.(service);
  }, () => {});

  const end = await Promise.race([signals.first, service.failed.then((failure) => ({ failure }))]);
  const atOnce = typeof end === "string" ? signals.second : signals.first;
  atOnce.then(async () => {
    logger.warn("One more signal: ending at once");
    await stopLogging();
    Deno.exit(1);
  });
  if (typeof end === "string") logger.info("Stopping at {signal}", { signal: end });
  else logger.error(end.failure);
  await service.stop();
  logger.info("Stopped");
  return typeof end === "string" ? 0 : 1;
}

/** The first signal to stop, and one that is to end all at once. */
function listenToSignals(): { first: Promise<Deno.Signal>; second: Promise<void> } {
  const first = Promise.withResolvers<Deno.Signal>();
  const second = Promise.withResolvers<void>();
  let last: { signal: Deno.Signal; at: number } | undefined;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      const at = performance.now();
      if (!last) first.resolve(signal);
      else if (signal !== last.signal || at - last.at > SAME_SIGNAL_MS) second.resolve();
      last ??= { signal, at };
    });
  }
  return { first: first.promise, second: second.promise };
}
