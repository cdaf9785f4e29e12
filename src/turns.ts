/**
 * Long work in short turns, so that the event loop gets to all else in between.
 */
import { setImmediate } from "node:timers/promises";

/**
 * Makes a function to be awaited before each piece of work: it goes on at once until a turn has taken
 * its time, and then in the next turn of the event loop.
 */
export function createTurns(turnMs: number): () => Promise<void> | undefined {
  let startedAt = performance.now();
  return () => {
    if (performance.now() - startedAt < turnMs) return undefined;
    return setImmediate().then(() => {
      startedAt = performance.now();
    });
  };
}
