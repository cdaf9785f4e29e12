/**
 * Checks the tokens of sessions again from time to time (AUTH6). The checks are spread, so that no
 * moment is busier than another.
 */
import type { Session } from "./session.ts";
import type { Tokens } from "../backend/tokens.ts";
import { TimerWheel } from "../util/timer_wheel.ts";

const TICK_MS = 250;

/** What {@linkcode Revalidation} needs. */
export interface RevalidationOptions {
  readonly tokens: Pick<Tokens, "identify">;
  /** Milliseconds between two checks of a session, 10 % more or less. 0 turns the checks off. */
  readonly periodMs: number;
}

/** Checks the tokens of sessions. */
export class Revalidation {
  readonly #tokens: RevalidationOptions["tokens"];
  readonly #periodMs: number;
  readonly #stopping = new AbortController();
  readonly #wheel = new TimerWheel<Session>({
    tickMs: TICK_MS,
    onDue: (session) => this.#check(session),
  });

  constructor({ tokens, periodMs }: RevalidationOptions) {
    this.#tokens = tokens;
    this.#periodMs = periodMs;
  }

  /** Must be called after each change of a session's token. */
  onToken(session: Session): void {
    this.#schedule(session);
  }

  /** How many sessions wait for a check. */
  get size(): number {
    return this.#wheel.size;
  }

  /** When it was last looked which sessions to check, by `performance.now()`. */
  get lookedAt(): number {
    return this.#wheel.turnedAt;
  }

  /** Ends all checks, also those under way. */
  stop(): void {
    this.#stopping.abort();
    this.#wheel.stop();
  }

  #schedule(session: Session): void {
    if (session.token === null || this.#periodMs === 0) this.#wheel.cancel(session);
    else this.#wheel.schedule(session, this.#periodMs * (0.9 + Math.random() / 5));
  }

  async #check(session: Session): Promise<void> {
    const { token, user } = session;
    if (token === null) return;
    const { signal } = this.#stopping;
    const answer = await this.#tokens.identify(token, {
      ...session.keptCaller(signal),
      fresh: true,
    })
      // An outage of the backend must not log anybody out.
      .catch(() => null);
    // An answer about a token that the session no longer has does not count.
    if (signal.aborted || session.token !== token) return;
    const isRefused = answer?.status === "unauthorized" || answer?.status === "forbidden";
    if (isRefused || (answer?.status === "ok" && answer.user !== user)) session.revoke();
    else this.#schedule(session);
  }
}
