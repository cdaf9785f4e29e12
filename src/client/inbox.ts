/**
 * A subscription as its reader sees it: a list, and the changes after it.
 */

/** One change of a subscription. `List` is the type of the backend's list. */
export type Change<List = unknown, Data = unknown> =
  /** The whole list. It comes first, and again if changes were missed that can't be had any more. */
  | { readonly kind: "list"; readonly items: List }
  /** A new item. */
  | { readonly kind: "update"; readonly data: Data }
  /** The whole list, because a backend said that it has changed. */
  | { readonly kind: "reload"; readonly items: List };

/**
 * The changes of one subscription, in their order, for one reader. Leaving the loop ends the
 * subscription. A reader that is too slow gets a list in place of the changes that it has not read.
 */
export interface Inbox<List = unknown, Data = unknown>
  extends AsyncIterableIterator<Change<List, Data>> {
  /** The subscription's id, once it is known. */
  readonly id: string | undefined;
  /** Ends the subscription. Changes that are here already can still be read. */
  close(): void;
}

/**
 * The numbers of one subscription to a count, for one reader. Leaving the loop ends the subscription. A
 * reader that is slow gets only the latest number.
 */
export interface Totals extends AsyncIterableIterator<number> {
  /** Ends the subscription. */
  close(): void;
}
