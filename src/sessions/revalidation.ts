/**
 * Checks the tokens of sessions again from time to time (AUTH6), spread so that no moment is busier
 * than another.
 */
import type { Session } from "./session.ts";
import type { Tokens } from "../backend/tokens.ts";
import { TimerWheel } from "../util/timer_wheel.ts";

const TICK_MS = 250;

/** Checks sessions' tokens. */
export interface Revalidation {
  /** Is to be told of each session whose token has changed. */
  onToken(session: Session): void;
  /** How many checks are to come. */
  readonly size: number;
  stop(): void;
}

/** Makes a {@linkcode Revalidation}; with a period of 0 it checks nothing. */
export function createRevalidation(
  { tokens, periodMs }: { tokens: Pick<Tokens, "identify">; periodMs: number },
): Revalidation {
  const stopping = new AbortController();
  const wheel = new TimerWheel<Session>({ tickMs: TICK_MS, onDue: check });

  function schedule(session: Session): void {
    if (session.token === null || periodMs === 0) wheel.cancel(session);
    else wheel.schedule(session, periodMs * (0.9 + Math.random() / 5));
  }

  async function check(session: Session): Promise<void> {
    const { token, user } = session;
    if (token === null) return;
    const answer = await tokens.identify(token, { signal: stopping.signal, fresh: true })
      // A backend that can't be asked disconnects nobody.
      .catch(() => null);
    // What was asked is of a token that it no longer has.
    if (stopping.signal.aborted || session.token !== token) return;
    const isRefused = answer?.status === "unauthorized" || answer?.status === "forbidden";
    if (isRefused || (answer?.status === "ok" && answer.user !== user)) session.revoke();
    else schedule(session);
  }

  return {
    onToken: schedule,
    get size() {
      return wheel.size;
    },
    stop() {
      stopping.abort();
      wheel.stop();
    },
  };
}
