/**
 * What `wss check` finds out.
 */

/** One thing that was tried. */
export interface Finding {
  /** What it is about, such as `topic wss`. */
  readonly subject: string;
  /** What was found. */
  readonly text: string;
  /** What to do, if it is a problem; `undefined` if all is well. */
  readonly advice?: string;
}
