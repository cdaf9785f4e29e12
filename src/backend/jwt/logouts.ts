/**
 * Users who were logged out by a message of the log (KAF5): their older tokens count no more, although
 * nothing in these says so (AUTH8).
 */

/** The most characters of users who are kept, and what each counts for beside its id. */
const MAX_LENGTH = 16 * 1024 * 1024;
const ENTRY_LENGTH = 64;

/** The latest logout of each user. */
export class Logouts {
  readonly #keptSeconds: number;
  /** Seconds since 1970, by user; the first ones were noted first. */
  readonly #latest = new Map<string, number>();
  #length = 0;
  /** Logouts up to this second may have been dropped, as there were too many. */
  #droppedUntil = -Infinity;

  /** @param options.keptSeconds No token is valid for longer */
  constructor({ keptSeconds }: { keptSeconds: number }) {
    this.#keptSeconds = keptSeconds;
  }

  /**
   * Notes a logout.
   *
   * @param atMs When the message was written, in milliseconds since 1970
   */
  note(user: string, atMs: number): void {
    const second = Math.max(Math.floor(atMs / 1000), this.#latest.get(user) ?? 0);
    this.#delete(user);
    this.#latest.set(user, second);
    this.#length += lengthOf(user);
    const oldest = Date.now() / 1000 - this.#keptSeconds;
    for (const [other, at] of this.#latest) {
      if (at >= oldest && this.#length <= MAX_LENGTH) break;
      if (at >= oldest) this.#droppedUntil = Math.max(this.#droppedUntil, at);
      this.#delete(other);
    }
  }

  /**
   * Whether a token still counts.
   *
   * @param issuedAt Its `iat`, in seconds since 1970
   * @returns `unknown` if the user's logout may have been dropped
   */
  judge(user: string, issuedAt: number): "counts" | "logged out" | "unknown" {
    // Some issuers write fractions of a second, but a logout counts for its whole second.
    const second = Math.floor(issuedAt);
    if (second <= (this.#latest.get(user) ?? -Infinity)) return "logged out";
    return second <= this.#droppedUntil ? "unknown" : "counts";
  }

  #delete(user: string): void {
    if (this.#latest.delete(user)) this.#length -= lengthOf(user);
  }
}

function lengthOf(user: string): number {
  return ENTRY_LENGTH + user.length;
}
