/**
 * Long work in short turns, so that the event loop gets to all else in between.
 */
import { setImmediate } from "node:timers/promises";

/** Milliseconds of long work in one turn: a request that comes meanwhile waits for a few of them. */
export const TURN_MS = 5;

/**
 * Makes a function to be awaited before each piece of work: it goes on at once until a turn has taken
 * its time, and then in the next turn of the event loop.
 */
export function createTurns(): () => Promise<void> | undefined {
  let startedAt = performance.now();
  return () => {
    if (performance.now() - startedAt < TURN_MS) return undefined;
    return setImmediate().then(() => {
      startedAt = performance.now();
    });
  };
}
