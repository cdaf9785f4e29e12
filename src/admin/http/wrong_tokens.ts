/**
 * Wrong tokens: each leaves a trace. The more wrong tokens an address sends, the later each is answered.
 */
import { getLogger } from "@logtape/logtape";
import { addressKey } from "../../http/address.ts";
import { delay } from "../../util/delay.ts";

const logger = getLogger(["wss", "admin"]);

/** Milliseconds until the first wrong token of an address is answered, and at most; each one doubles them. */
const [FIRST_MS, MAX_MS] = [10, 5000];
/** Milliseconds without a wrong token after which an address begins anew. */
const FORGET_MS = 600_000;
/** The most addresses that are remembered: the one whose wrong token is the oldest is forgotten. */
const MAX_ADDRESSES = 1000;
/** The most answers that wait, each of another address. */
const MAX_WAITING = 1000;

/** What is remembered of an address. */
interface Attempts {
  readonly count: number;
  /** The latest one, by `performance.now()`. */
  readonly at: number;
}

/** Remembers from where wrong tokens came. */
export class WrongTokens {
  /** By address, in the order of their latest ones. */
  readonly #attempts = new Map<string, Attempts>();
  /** The addresses for which an answer waits. */
  readonly #waiting = new Set<string>();

  /** How many addresses are remembered. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Notes a wrong token that came from an address, and waits until it may be answered.
   *
   * @param options.signal Ends the wait; aborts when the peer has gone
   * @returns 0 if it may be answered now. If another answer of the address waits, the seconds after which
   * the address should try again; this comes at once
   */
  async note(address: string, { signal }: { signal: AbortSignal }): Promise<number> {
    // A burst of these lines is written as one, with their number.
    logger.warn("A request to the admin port from {address} had a wrong token", { address });
    const key = addressKey(address);
    const ms = Math.min(FIRST_MS * 2 ** (this.#count(key) - 1), MAX_MS);
    if (this.#waiting.has(key) || this.#waiting.size >= MAX_WAITING) return Math.ceil(ms / 1000);
    this.#waiting.add(key);
    await delay(ms, signal);
    this.#waiting.delete(key);
    return 0;
  }

  /** Counts a wrong token of an address; gives how many of them are remembered. */
  #count(key: string): number {
    const now = performance.now();
    const before = this.#attempts.get(key);
    const count = before && now - before.at < FORGET_MS ? before.count + 1 : 1;
    this.#attempts.delete(key);
    this.#attempts.set(key, { count, at: now });
    if (this.#attempts.size > MAX_ADDRESSES) {
      const [oldest = ""] = this.#attempts.keys();
      this.#attempts.delete(oldest);
    }
    return count;
  }
}
