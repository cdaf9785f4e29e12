/**
 * The notifications of a list, of further pages, and of what is pushed, as one array.
 */

/** How to read a backend's notifications, whose form is its own. */
export interface Reading<Item> {
  /** Gives the notifications of a list. By default the list is an array, or has one as `items`. */
  readonly listOf?: ((list: unknown) => readonly Item[]) | undefined;
  /** Gives what all versions of one notification have in common. By default this is its `id`. */
  readonly idOf?: ((item: Item) => unknown) | undefined;
  /**
   * Sorts as the backend does, like the function that `Array.sort` takes. Without it, a notification
   * that is not shown yet comes first, even if it is an old one whose status has changed.
   */
  readonly order?: ((a: Item, b: Item) => number) | undefined;
}

/** What is shown of a list. */
export interface Items<Item> {
  readonly items: readonly Item[];
  /** Whether there may be another page. */
  readonly hasMore: boolean;
  /** The list that it began with. */
  readonly list: unknown;
}

/** Adds a page behind what is shown, or begins with it. A page that is not full is the last one. */
export function withPage<Item>(
  page: unknown,
  { listOf = itemsOf, idOf = idOfItem }: Reading<Item>,
  { limit = 1, after = { items: [], list: page } }: {
    readonly limit?: number | undefined;
    readonly after?: Pick<Items<Item>, "items" | "list"> | undefined;
  },
): Items<Item> {
  const found = listOf(page);
  const ids = new Set(after.items.map(idOf));
  const added = found.filter((item) => !ids.has(idOf(item)));
  return { ...after, items: [...after.items, ...added], hasMore: found.length >= limit };
}

/** Puts a notification that was pushed in its place. With an order, this may be another one than before. */
export function withItem<Item>(
  known: Items<Item>,
  item: Item,
  { idOf = idOfItem, order }: Reading<Item>,
): Items<Item> {
  const id = idOf(item);
  const items = [...known.items];
  const place = items.findIndex((other) => idOf(other) === id);
  const [older] = place < 0 ? [] : items.splice(place, 1);
  const compare = order ?? (() => 0);
  // Its older version may be the last one.
  const isAfterAll = known.items.slice(-1).every((last) => compare(item, last) > 0);
  if (older !== undefined && compare(item, older) === 0) items.splice(place, 0, item);
  else {
    const next = order ? items.findIndex((other) => order(item, other) < 0) : 0;
    if (next >= 0) items.splice(next, 0, item);
    // What belongs behind all that is here comes with its page.
    else if (!known.hasMore || (older !== undefined && !isAfterAll)) items.push(item);
  }
  return { ...known, items };
}

function itemsOf<Item>(list: unknown): readonly Item[] {
  const items = (list as { items?: unknown } | null)?.items ?? list;
  if (Array.isArray(items)) return items;
  throw new TypeError("The list is no array and has no `items`: it needs `listOf`");
}

function idOfItem(item: unknown): unknown {
  return (item as { id?: unknown }).id;
}
