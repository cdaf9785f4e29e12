/**
 * The end of an instance (LIFE4): clients are told when to leave, each at a time of its own, so that
 * they don't all come to the other instances at once.
 */
import { delay, isDoneWithin } from "../util/delay.ts";

/** Milliseconds that an answer takes which needs to wait for nobody. */
const ANSWER_MS = 500;

/** What is used of a connection. */
export interface Leaving {
  /** Tells the client after how many milliseconds it should connect elsewhere. */
  announceEnd(afterMs: number): void;
  /** Answers what runs, and closes. */
  leave(): Promise<void>;
  /** Answers what still runs with `shutting-down`. */
  giveUp(): void;
  /** Closes, whatever still runs. */
  cut(): void;
}

/**
 * Drains connections.
 *
 * @param options.drainMs Milliseconds over which they are spread
 * @param options.requestsMs Milliseconds that requests under way get after that
 * @returns Resolves when all are closed from this side; what is unsent may still be on its way
 */
export async function drain(
  connections: readonly Leaving[],
  { drainMs, requestsMs }: { drainMs: number; requestsMs: number },
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
  await isDoneWithin(requestsMs, Promise.all(left));
  for (const connection of connections) connection.giveUp();
  await isDoneWithin(ANSWER_MS, Promise.all(left));
  for (const connection of connections) connection.cut();
}
