/**
 * A subscription as its reader sees it: a list, and what comes after.
 */

/** What happened to what one is subscribed to. `List` is what the backend answers as a list. */
export type Change<List = unknown, Data = unknown> =
  /** All of it, as of now: at the start, and where something was missed that can't be had any more. */
  | { readonly kind: "list"; readonly items: List }
  /** Something new. */
  | { readonly kind: "update"; readonly data: Data }
  /** All of it, for the service was told that it has changed. */
  | { readonly kind: "reload"; readonly items: List };

/**
 * Changes, in their order, for one reader. Leaving the loop ends the subscription. A reader that is
 * too slow is given a list in place of what it has not read.
 */
export interface Inbox<List = unknown, Data = unknown>
  extends AsyncIterableIterator<Change<List, Data>> {
  /** The subscription's id, once it is known. */
  readonly id: string | undefined;
  /** Ends the subscription; what waits can still be read. */
  close(): void;
}
