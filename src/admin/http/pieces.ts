/**
 * Texts that are made piece by piece, so that other work may go on in between.
 */

/**
 * A text in pieces. An empty piece is a rest in work that has no text to give yet. Making one piece takes
 * a few milliseconds at most.
 */
export type Pieces<R = void> = Generator<string, R>;

/** Items that are passed over or counted between two rests. */
const ITEMS_BETWEEN_RESTS = 500;

/** Does something with each of many items, and rests in between. */
export function* forMany<T>(items: Iterable<T>, visit: (item: T) => void): Pieces {
  let count = 0;
  for (const item of items) {
    visit(item);
    if (++count % ITEMS_BETWEEN_RESTS === 0) yield "";
  }
}
