/**
 * Lists of answers. They end at a limit.
 */
import { Buffer } from "node:buffer";
import type { Pieces } from "./pieces.ts";

/** A list ends when it has this many bytes. So it has at most these and one item more. */
export const MAX_LIST_BYTES = 1024 * 1024;

/** A list of an answer. An item that is `undefined` is a rest, and is not written. */
export class JsonList<T> {
  readonly #items: Iterable<T | undefined>;
  readonly #limit: number;
  readonly #write: (item: T) => string;
  #last: T | undefined;
  #isCut = false;

  /**
   * @param options.limit The most items
   * @param options.write Gives the JSON of an item, at {@linkcode ITEM_DEPTH}
   */
  constructor(
    items: Iterable<T | undefined>,
    { limit, write }: { limit: number; write: (item: T) => string },
  ) {
    this.#items = items;
    this.#limit = limit;
    this.#write = write;
  }

  /** The last item that was written, if there are more; `undefined` if the list is complete. */
  get cutAfter(): T | undefined {
    return this.#isCut ? this.#last : undefined;
  }

  /** Writes the list. */
  *pieces(): Pieces {
    let [count, bytes] = [0, 0];
    yield "[";
    for (const item of this.#items) {
      if (item === undefined) {
        yield "";
        continue;
      }
      if (count === this.#limit || bytes >= MAX_LIST_BYTES) {
        this.#isCut = true;
        break;
      }
      const text = this.#write(item);
      bytes += Buffer.byteLength(text);
      this.#last = item;
      yield `${count++ === 0 ? "" : ","}\n    ${text}`;
    }
    yield count === 0 ? "]" : "\n  ]";
  }
}

/**
 * The JSON of the latest items, the oldest first: as many as a list may have.
 *
 * @param options.write Gives the JSON of an item, at {@linkcode ITEM_DEPTH}; `null` if neither it nor those
 * before it are to be written
 * @returns `cutAt` is the first item that is there, if others were left out in front of it
 */
export function* latestOf<T>(
  items: readonly T[],
  { limit, write }: { limit: number; write: (item: T) => Pieces<string | null> },
): Pieces<{ texts: readonly string[]; cutAt: T | undefined }> {
  const texts: string[] = [];
  let bytes = 0;
  let first: T | undefined;
  for (const item of items.toReversed()) {
    if (texts.length === limit || bytes >= MAX_LIST_BYTES) {
      return { texts: texts.reverse(), cutAt: first };
    }
    const text = yield* write(item);
    if (text === null) break;
    texts.push(text);
    bytes += Buffer.byteLength(text);
    first = item;
    yield "";
  }
  return { texts: texts.reverse(), cutAt: undefined };
}
