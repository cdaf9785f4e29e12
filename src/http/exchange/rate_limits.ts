/**
 * How much may be asked by POST (HTTP5): a POST has no session that stays, so its user is counted, or
 * its address.
 */
import { RateLimit, type Rates } from "../../connection/rate_limit.ts";

/** Milliseconds without a request after which a limit is as a new one: it is full, and nobody is over it. */
const FORGET_MS = 20_000;

/** The user or the address for which requests are counted (HTTP5). */
export type Counted = { readonly user: string } | { readonly address: string };

/** A limit, and when it was last asked for. */
interface KeptLimit {
  readonly limit: RateLimit;
  readonly at: number;
}

/** The limits of all users and addresses that have sent a POST lately. */
export class RateLimits {
  readonly #rates: Rates;
  /** Those that were asked for longest ago come first. */
  readonly #kept = new Map<string, KeptLimit>();

  constructor(rates: Rates) {
    this.#rates = rates;
  }

  /** How many limits are kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** The limit of a user or of an address. */
  of(counted: Counted, now: number): RateLimit {
    this.#forget(now);
    const key = "user" in counted ? `user ${counted.user}` : `address ${counted.address}`;
    const { limit } = this.#kept.get(key) ?? { limit: new RateLimit(this.#rates, now) };
    this.#kept.delete(key);
    this.#kept.set(key, { limit, at: now });
    return limit;
  }

  #forget(now: number): void {
    for (const [key, { at }] of this.#kept) {
      if (now - at < FORGET_MS) return;
      this.#kept.delete(key);
    }
  }
}
