/**
 * Finds out to which user a token belongs: from the token itself if it is a JWT, or else from the user API.
 * Logins, upgrades and the revalidation ask here.
 */
import { hash } from "node:crypto";
import * as z from "zod";
import { type BackendAnswer, errorOf, type Failure } from "./attempt.ts";
import type { Backend, Caller } from "./backend.ts";
import type { Holder } from "./places/shares.ts";
import { type JsonText, NULL, toJson } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { userIdSchema } from "../protocol/validation.ts";
import { unlessAborted } from "../util/delay.ts";
import type { Jwts } from "./jwt/jwts.ts";
import { TokenTimes, type Verdict, verdictOf } from "./verdict.ts";

/** What the user API must answer; other keys are passed on. */
export const userSchema = z.object({ id: userIdSchema });

/** Who logs in, and with which token. */
export interface Login {
  /** The user's id. */
  readonly user: string;
  /** Exactly as it was given. */
  readonly token: string;
  /** When the token expires, in milliseconds since 1970; `null` if that is not known here (AUTH8). */
  readonly expiresAt: number | null;
}

/** The user to whom a token belongs. */
export interface Identity {
  readonly status: "ok";
  readonly user: string;
  /** The body of the user API's answer; of a JWT that was verified here, only the id (AUTH8). */
  readonly payload: JsonText;
  /** When the token expires, in milliseconds since 1970; `null` if only the user API knows. */
  readonly expiresAt: number | null;
}

/** What the user API says of a token. */
export type TokenAnswer = Identity | {
  readonly status: Exclude<BackendAnswer["status"], "ok">;
  readonly payload: JsonText;
  readonly httpStatus: number;
};

/** Options of {@linkcode Tokens.identify}. */
export interface IdentifyOptions extends Pick<Caller, "signal" | "holder"> {
  /** Called with an `ok` answer at once, so that no logout (KAF5) can come in between. */
  readonly use?: (identity: Identity) => void;
}

/** An identification under way. */
interface Asking {
  /** The token's key in the cache. */
  readonly key: string;
  readonly signal: AbortSignal;
  readonly holder: Holder;
  readonly use: ((identity: Identity) => void) | undefined;
  /** How many logouts there had been when it started. */
  readonly logouts: number;
}

/** Identifies users by their tokens, and caches the answers for a short time (AUTH7). */
export class Tokens {
  readonly #backend: Pick<Backend, "ask" | "shareNoMore">;
  readonly #cacheMs: number;
  /** Answers by the token's SHA-256, the oldest first. */
  readonly #cache = new CachedAnswers();
  /** The oldest first. */
  readonly #asking = new Set<Asking>();
  /** How many logouts there have been. */
  #logouts = 0;
  /** Users who were logged out while something was asked, and the number of their latest logout. */
  readonly #loggedOut = new Map<string, number>();
  readonly #times = new TokenTimes();
  readonly #jwts: Jwts | null;

  /**
   * @param options.cacheMs Milliseconds for which an `ok` answer is reused; 0 for never
   * @param options.jwts Verifies tokens without the API; `null` if that is not possible
   */
  constructor(
    backend: Pick<Backend, "ask" | "shareNoMore">,
    { cacheMs, jwts = null }: { readonly cacheMs: number; readonly jwts?: Jwts | null },
  ) {
    this.#backend = backend;
    this.#cacheMs = cacheMs;
    this.#jwts = jwts;
  }

  /**
   * Asks to which user a token belongs.
   *
   * @throws {CommandError} `backend-…` or `overloaded`
   */
  async identify(token: string, options: IdentifyOptions): Promise<TokenAnswer> {
    const outcome = await this.tryToIdentify(token, options);
    if ("slug" in outcome) throw errorOf("user", outcome);
    return outcome;
  }

  /**
   * As {@linkcode Tokens.identify}, for callers that need the status of an answer that can't be used.
   *
   * @throws {CommandError} `backend-unavailable`: the keys of tokens can't be had (AUTH8)
   */
  async tryToIdentify(token: string, options: IdentifyOptions): Promise<TokenAnswer | Failure> {
    options.signal.throwIfAborted();
    const verified = this.#jwts && await this.#verify(this.#jwts, token, options);
    if (verified) return verified;
    const key = keyOf(token);
    const cached = this.#cached(key);
    if (cached) {
      options.use?.(cached);
      return cached;
    }
    return await this.#ask(token, { ...options, key });
  }

  /**
   * Asks past the cache what the API says of a token (AUTH6).
   *
   * @throws The signal's reason
   */
  async check(
    token: string,
    caller: Pick<Caller, "signal" | "holder">,
  ): Promise<Identity | { readonly status: Verdict }> {
    const verified = this.#jwts && await this.#verify(this.#jwts, token, caller);
    const answer = verified ?? await this.#ask(token, { ...caller, key: keyOf(token) });
    return "user" in answer ? answer : { status: verdictOf(answer.httpStatus) };
  }

  /** As {@linkcode TokenTimes.worksForOthers}, for others than a token. */
  worksForOthers(token: string, times: Parameters<TokenTimes["worksForOthers"]>[1]): boolean {
    return this.#times.worksForOthers(keyOf(token), times);
  }

  /**
   * Forgets the cached answers for a user; identifications under way ask once more (KAF5). JWTs from
   * before it count no more.
   *
   * @param atMs When the user was logged out, in milliseconds since 1970
   */
  forget(user: string, atMs: number): void {
    this.#jwts?.logouts.note(user, atMs);
    for (const [key, { identity }] of this.#cache) {
      if (identity.user === user) this.#cache.delete(key);
    }
    if (this.#asking.size === 0) return;
    this.#loggedOut.delete(user);
    this.#loggedOut.set(user, ++this.#logouts);
    this.#backend.shareNoMore("user");
  }

  /**
   * Verifies a token that is a JWT (AUTH8).
   *
   * @returns `null` if the API has to be asked
   * @throws {CommandError} `backend-unavailable`
   */
  async #verify(
    jwts: Jwts,
    token: string,
    { signal, use }: Pick<IdentifyOptions, "signal" | "use">,
  ): Promise<TokenAnswer | null> {
    const judged = await unlessAborted(jwts.judge(token), signal);
    signal.throwIfAborted();
    switch (judged.verdict) {
      case "unknown":
        return null;
      case "unavailable":
        throw new CommandError({
          slug: "backend-unavailable",
          message: "Cannot verify the token: its key is not known",
          retryAfterMs: judged.retryAfterMs,
        });
      case "ok": {
        const { user, issuedAt, expiresAt } = judged;
        // A logout may have come while this function waited. None may come before the user is known.
        if (jwts.logouts.judge(user, issuedAt) !== "counts") return REFUSED;
        const identity = { status: "ok", user, payload: toJson({ id: user }), expiresAt } as const;
        use?.(identity);
        return identity;
      }
      case "refused":
        return REFUSED;
    }
  }

  async #ask(
    token: string,
    { key, signal, holder, use }: IdentifyOptions & Pick<Asking, "key">,
  ): Promise<TokenAnswer | Failure> {
    const asking = { key, signal, holder, use, logouts: this.#logouts };
    this.#asking.add(asking);
    this.#times.noteAsked(key);
    try {
      return await this.#askUntilCurrent(token, asking);
    } finally {
      this.#times.noteAsked(key);
      this.#asking.delete(asking);
      this.#forgetLogouts();
    }
  }

  /** Asks once more if the user was logged out meanwhile: the answer may be older than the logout. */
  async #askUntilCurrent(
    token: string,
    { key, signal, holder, use }: Asking,
  ): Promise<TokenAnswer | Failure> {
    for (;;) {
      const logouts = this.#logouts;
      const outcome = await this.#backend.ask({ api: "user" }, { token, signal, holder });
      if ("slug" in outcome) return outcome;
      this.#cache.delete(key);
      const { status, payload, httpStatus } = outcome;
      if (status !== "ok") return { status, payload, httpStatus };
      const user = userOf(outcome);
      if (user === null) return { ...NO_USABLE_ID, httpStatus };
      this.#times.noteOk(key);
      if ((this.#loggedOut.get(user) ?? 0) > logouts) continue;
      const identity = { status, payload, user, expiresAt: null };
      if (this.#cacheMs > 0) this.#cache.set(key, { identity, until: Date.now() + this.#cacheMs });
      use?.(identity);
      return identity;
    }
  }

  #cached(key: string): Identity | undefined {
    const now = Date.now();
    for (const [oldest, { until }] of this.#cache) {
      if (until > now) break;
      this.#cache.delete(oldest);
    }
    return this.#cache.get(key)?.identity;
  }

  /** Forgets the logouts that were before everything that is still under way. */
  #forgetLogouts(): void {
    const [oldest] = this.#asking;
    for (const [user, number] of this.#loggedOut) {
      if (oldest && number > oldest.logouts) return;
      this.#loggedOut.delete(user);
    }
  }
}

/** An answer, and the time until which it is reused, in milliseconds since 1970. */
interface CachedAnswer {
  readonly identity: Identity;
  readonly until: number;
}

/** The most characters of cached answers, and what each counts for beside its payload. */
const MAX_CACHED = 16 * 1024 * 1024;
const ENTRY_LENGTH = 256;

/** Cached answers by the token's SHA-256. If they are too many or too long, the oldest ones go. */
class CachedAnswers extends Map<string, CachedAnswer> {
  #length = 0;

  override set(key: string, answer: CachedAnswer): this {
    this.delete(key);
    this.#length += lengthOf(answer);
    super.set(key, answer);
    for (const oldest of this.keys()) {
      if (this.#length <= MAX_CACHED) break;
      this.delete(oldest);
    }
    return this;
  }

  override delete(key: string): boolean {
    const answer = this.get(key);
    if (answer) this.#length -= lengthOf(answer);
    return super.delete(key);
  }
}

function lengthOf({ identity }: CachedAnswer): number {
  return ENTRY_LENGTH + identity.payload.length + identity.user.length;
}

const REFUSED: TokenAnswer = { status: "unauthorized", payload: NULL, httpStatus: 401 };

const NO_USABLE_ID = {
  slug: "backend-invalid",
  reason: "its answer has no usable id",
} as const satisfies Failure;

function keyOf(token: string): string {
  return hash("sha256", token, "base64");
}

/** The user whom an answer names; `null` if it names none. */
function userOf({ value }: BackendAnswer): string | null {
  return userSchema.safeParse(value).data?.id ?? null;
}
