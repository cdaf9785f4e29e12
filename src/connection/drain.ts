/**
 * Sends the clients of an instance away before it ends (LIFE4). Each client leaves at its own time, so
 * that they do not all connect to the other instances at once.
 */
import { delay, isDoneWithin } from "../util/delay.ts";

/** Milliseconds for a reply that does not wait for a backend. */
const ANSWER_MS = 500;

/** The part of a connection that a drain needs. */
export interface Leaving {
  /** Tells the client after how many milliseconds it should connect to another instance. */
  announceEnd(afterMs: number): void;
  /** Answers all requests under way, then closes. */
  leave(): Promise<void>;
  /** Answers all requests under way with `shutting-down`. */
  giveUp(): void;
  /** Closes at once. */
  cut(): void;
}

/**
 * Drains connections.
 *
 * @param options.drainMs Milliseconds over which the clients' times are spread
 * @param options.requestsMs Milliseconds after that in which requests under way may end
 * @returns Resolves when all connections are closed from this side; their sockets may still be sending
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
