/**
 * What the user API's answers say of the token of a session, when it is checked again (AUTH6).
 */

/**
 * What it means that the user API does not answer ok. `odd` is neither a refusal nor an outage: such as a
 * 404, a redirect to a login page, or a body without an id.
 */
export type Verdict = "refused" | "odd" | "outage";

/**
 * Judges an answer that is not ok.
 *
 * @param httpStatus `undefined` if there is no whole answer
 */
export function verdictOf(httpStatus: number | undefined): Verdict {
  switch (httpStatus) {
    case 401:
    case 403:
      return "refused";
    case undefined:
    case 408:
    case 425:
    case 429:
      return "outage";
    default:
      return httpStatus >= 500 ? "outage" : "odd";
  }
}

/**
 * When the user API was asked about tokens. An API that answers ok for other tokens means its odd answers
 * about one token.
 */
export class TokenTimes {
  readonly #asked = new LatestTimes();
  readonly #ok = new LatestTimes();

  /** Notes that a question about a token begins or ends. */
  noteAsked(key: string): void {
    this.#asked.note(key, performance.now());
  }

  /** Notes that the answer about a token was ok. */
  noteOk(key: string): void {
    this.#ok.note(key, performance.now());
  }

  /**
   * Whether the answer for another token was ok since a time. If no other token was asked about since
   * then, an older answer is good enough.
   *
   * @param options.since By `performance.now()`
   * @param options.orSince When that older answer may have come at the earliest
   */
  worksForOthers(
    key: string,
    { since, orSince }: { readonly since: number; readonly orSince: number },
  ): boolean {
    const areAsked = this.#asked.ofOthers(key) >= since;
    return this.#ok.ofOthers(key) >= (areAsked ? since : orSince);
  }
}

/** The latest time of any key, and the latest one of any other key: enough for {@linkcode ofOthers}. */
class LatestTimes {
  #key: string | undefined;
  #at = -Infinity;
  #atOfOthers = -Infinity;

  note(key: string, at: number): void {
    if (key !== this.#key) this.#atOfOthers = this.#at;
    this.#key = key;
    this.#at = at;
  }

  /** The latest time that was noted for another key than this one. */
  ofOthers(key: string): number {
    return key === this.#key ? this.#atOfOthers : this.#at;
  }
}
