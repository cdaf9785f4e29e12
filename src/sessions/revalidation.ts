/**
 * Checks the tokens of sessions again from time to time (AUTH6). The checks are spread, so that no
 * moment is busier than another.
 */
import type { Session } from "./session.ts";
import { LEEWAY_SECONDS } from "../backend/jwt/jwts.ts";
import type { Tokens } from "../backend/tokens.ts";
import { TimerWheel } from "../util/timer_wheel.ts";

const TICK_MS = 250;
/** After an odd answer, the next check comes after this part of the period. */
const ODD_PART = 0.1;
/** So many odd answers in a row may be a refusal. */
const MAX_ODD = 3;

/** What {@linkcode Revalidation} needs. */
export interface RevalidationOptions {
  readonly tokens: Pick<Tokens, "check" | "worksForOthers">;
  /** Milliseconds between two checks of a session, 10 % more or less. 0 turns the checks off. */
  readonly periodMs: number;
}

/** Odd answers in a row. */
interface OddAnswers {
  readonly count: number;
  /** When the first one came, by `performance.now()`. */
  readonly since: number;
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
  /** By session, if the latest answer was odd. */
  readonly #odd = new Map<Session, OddAnswers>();

  constructor({ tokens, periodMs }: RevalidationOptions) {
    this.#tokens = tokens;
    this.#periodMs = periodMs;
  }

  /** Must be called after each change of a session's token. */
  onToken(session: Session): void {
    this.#odd.delete(session);
    const { login } = session;
    if (login && login.expiresAt !== null) this.#awaitExpiry(session, login.expiresAt);
    else if (!login || this.#periodMs === 0) this.#wheel.cancel(session);
    else this.#schedule(session, this.#periodMs);
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

  #schedule(session: Session, afterMs: number): void {
    this.#wheel.schedule(session, afterMs * (0.9 + Math.random() / 5));
  }

  /** The token of a JWT that was verified here needs no check until it expires (AUTH8). */
  #awaitExpiry(session: Session, expiresAt: number): void {
    const inMs = expiresAt - Date.now();
    // A token is taken for a little longer than it says, as clocks differ.
    this.#wheel.schedule(session, inMs > 0 ? inMs : inMs + LEEWAY_SECONDS * 1000);
  }

  async #check(session: Session): Promise<void> {
    const { login } = session;
    if (!login) return;
    const { token, user, expiresAt } = login;
    if (expiresAt !== null) return session.revoke();
    const { signal } = this.#stopping;
    const answer = await this.#tokens.check(token, session.keptCaller(signal))
      // An outage of the backend must not log anybody out.
      .catch(() => ({ status: "outage" } as const));
    // An answer about a token that the session no longer has does not count.
    if (signal.aborted || session.login !== login) return;
    switch (answer.status) {
      case "ok":
        if (answer.user !== user) return session.revoke();
        return answer.expiresAt === null
          ? this.#keep(session)
          : session.renew({ user, token, expiresAt: answer.expiresAt });
      case "outage":
        return this.#keep(session);
      case "refused":
        return session.revoke();
      case "odd":
        return this.#doubt(session, token);
    }
  }

  #keep(session: Session): void {
    this.#odd.delete(session);
    this.#schedule(session, this.#periodMs);
  }

  /**
   * Takes an odd answer. Of several in a row, the last one is a refusal if the API works for others, and
   * else an outage.
   */
  #doubt(session: Session, token: string): void {
    const now = performance.now();
    const { count, since } = this.#odd.get(session) ?? { count: 0, since: now };
    if (count + 1 < MAX_ODD) {
      this.#odd.set(session, { count: count + 1, since });
      return this.#schedule(session, this.#periodMs * ODD_PART);
    }
    const orSince = now - this.#periodMs;
    if (this.#tokens.worksForOthers(token, { since, orSince })) session.revoke();
    else this.#keep(session);
  }
}
