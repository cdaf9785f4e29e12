/**
 * Wrong tokens: each leaves a trace, and is answered the later the more of them came from its address.
 */
import { getLogger } from "@logtape/logtape";

const logger = getLogger(["wss", "admin"]);

/** Milliseconds until the first wrong token of an address is answered, and at most; each one doubles them. */
const [FIRST_MS, MAX_MS] = [10, 5000];
/** Milliseconds without a wrong token after which an address begins anew. */
const FORGET_MS = 600_000;
/** The most addresses that are remembered: the one whose wrong token is the oldest is forgotten. */
const MAX_ADDRESSES = 1000;
/** The most answers that wait. A further one is given at once. */
const MAX_WAITING = 100;

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
  #waiting = 0;

  /** How many addresses are remembered. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Notes a wrong token that came from an address.
   *
   * @returns Resolves when it may be answered
   */
  async note(address: string): Promise<void> {
    // A burst of these lines is written as one, with their number.
    logger.warn("A request to the admin port from {address} had a wrong token", { address });
    const now = performance.now();
    const before = this.#attempts.get(address);
    const count = before && now - before.at < FORGET_MS ? before.count + 1 : 1;
    this.#attempts.delete(address);
    this.#attempts.set(address, { count, at: now });
    if (this.#attempts.size > MAX_ADDRESSES) {
      const [oldest = ""] = this.#attempts.keys();
      this.#attempts.delete(oldest);
    }
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    const ms = Math.min(FIRST_MS * 2 ** (count - 1), MAX_MS);
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#waiting--;
  }
}
