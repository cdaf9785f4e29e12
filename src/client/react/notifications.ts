/**
 * The user's notifications of one `where`, kept up to date, and what can be done with them.
 */
import { type Change, type NotificationStatus, type Wss, WssError } from "../mod.ts";
import type { Connection } from "./connection.ts";
import { type Items, type Reading, withItem, withPage } from "./items.ts";
import { Store } from "./store.ts";
import type { Latest } from "./use_latest.ts";

/** Which notifications. */
export interface NotificationsWhere {
  /** Without types, all. */
  readonly types?: readonly string[] | undefined;
  /** How many are in the list, and in each further page. */
  readonly limit?: number | undefined;
  readonly sort?: string | undefined;
}

export class NotificationsStore<Item> extends Store<Items<Item>, Change<unknown, Item>> {
  readonly #connection: Connection | null;
  readonly #where: NotificationsWhere;
  readonly #reading: Latest<Reading<Item>>;
  #loading: Promise<void> | undefined;
  /** What was pushed while the present page is under way. The page may have older versions of it. */
  #pushed: Item[] = [];

  constructor(
    connection: Connection | null,
    { where, reading }: {
      readonly where: NotificationsWhere;
      readonly reading: Latest<Reading<Item>>;
    },
  ) {
    super(connection, {
      open: ({ wss }) => wss.notifications(where),
      apply: (known, change) => {
        if (change.kind !== "update") return withPage(change.items, reading.current, where);
        // Without data, a backend says only that something has changed.
        if (!known || change.data === null) return known;
        if (this.#loading) this.#pushed.push(change.data);
        return withItem(known, change.data, reading.current);
      },
    });
    this.#connection = connection;
    this.#where = where;
    this.#reading = reading;
  }

  readonly markAs = async (
    status: NotificationStatus,
    ids?: readonly string[] | undefined,
  ): Promise<void> => {
    await this.#client.markAs(status, ids);
  };

  readonly loadMore = (): Promise<void> =>
    this.#loading ??= this.#loadPage().finally(() => this.#loading = undefined);

  /** @throws {WssError} The tree is not mounted yet, or this is a server */
  get #client(): Wss {
    if (this.#connection) return this.#connection.wss;
    throw new WssError({
      slug: "disconnected",
      message: "There is no client before the WssProvider is mounted",
      temporary: true,
    });
  }

  async #loadPage(): Promise<void> {
    const client = this.#client;
    const before = this.value;
    if (!before?.hasMore) return;
    this.#pushed = [];
    const { types = [], limit, sort } = this.#where;
    const page = await client.request("getMyNotifications", {
      where: { types },
      params: { limit, sort, skip: before.items.length },
    });
    const after = this.value;
    // Behind a list that came meanwhile, another page may follow.
    if (after?.list !== before.list) return;
    const reading = this.#reading.current;
    const shown = withPage(page, reading, { limit, after });
    this.set(this.#pushed.reduce((known, item) => withItem(known, item, reading), shown));
  }
}
