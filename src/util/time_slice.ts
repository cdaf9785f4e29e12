/**
 * Long work in short turns, so that the event loop gets to all else in between.
 */
import { setImmediate } from "node:timers/promises";

/** Milliseconds of long work in one turn: a request that comes meanwhile waits for a few of them. */
const TURN_MS = 5;
/**
 * Pieces of work in one turn, each of which may send a frame: the platform writes them at the end of the
 * turn, and takes longer for that than the work did.
 */
const TURN_PIECES = 128;

/**
 * Makes a function to be called before each piece of work: it gives nothing while the work may go on
 * at once, and else what is to be awaited, which is the next turn of the event loop.
 */
export function createTurns(): () => Promise<void> | undefined {
  let startedAt = performance.now();
  let pieces = 0;
  return () => {
    if (++pieces <= TURN_PIECES && performance.now() - startedAt < TURN_MS) return undefined;
    return setImmediate().then(() => {
      startedAt = performance.now();
      pieces = 1;
    });
  };
}
