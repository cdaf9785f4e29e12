/**
 * The end of an instance (LIFE4): clients are told when to leave, each at a time of its own, so that
 * they don't all come to the other instances at once.
 */
import { delay } from "./delay.ts";

/** Milliseconds that sockets get to send what they still have, the close frame included. */
const CLOSE_MS = 5000;

/** What is used of a connection. */
export interface Leaving {
  /** Tells the client after how many milliseconds it should connect elsewhere. */
  announceEnd(afterMs: number): void;
  /** Answers what runs, and closes. */
  leave(): Promise<void>;
  /** Answers what still runs with `shutting-down`. */
  giveUp(): void;
}

/**
 * Drains connections.
 *
 * @param options.drainMs Milliseconds over which they are spread
 * @param options.requestsMs Milliseconds that requests under way get after that
 * @param options.closed Resolves when no socket is left
 */
export async function drain(
  connections: readonly Leaving[],
  { drainMs, requestsMs, closed }: {
    drainMs: number;
    requestsMs: number;
    closed: () => Promise<void>;
  },
): Promise<void> {
  const never = new AbortController().signal;
  const startedAt = performance.now();
  const slots = connections.map((connection, i) => ({
    connection,
    afterMs: Math.round((i + 0.5) / connections.length * drainMs),
  }));
  for (const { connection, afterMs } of slots) connection.announceEnd(afterMs);

  const left: Promise<void>[] = [];
  for (const { connection, afterMs } of slots) {
    const waitMs = afterMs - (performance.now() - startedAt);
    if (waitMs > 0) await delay(waitMs, never);
    left.push(connection.leave());
  }
  await within(requestsMs, Promise.all(left));
  for (const connection of connections) connection.giveUp();
  await Promise.all(left);
  await within(CLOSE_MS, closed());
}

/** Waits for the work, but no longer; whether it was done in time. */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  const timeout = Promise.withResolvers<false>();
  const timer = setTimeout(() => timeout.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
