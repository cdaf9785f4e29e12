/**
 * The hook for the user's notifications.
 */
import { useMemo, useSyncExternalStore } from "react";
import type { NotificationStatus, State } from "../mod.ts";
import type { Reading } from "./items.ts";
import { NotificationsStore, type NotificationsWhere } from "./notifications.ts";
import { useConnection, useConnectionState } from "./provider.ts";
import { useLatest } from "./use_latest.ts";

/** The user's notifications, and what can be done with them. */
export interface Notifications<Item> {
  /** `undefined` until the first list has come. They stay while the client connects again. */
  readonly items: readonly Item[] | undefined;
  /** Whether {@linkcode Notifications.loadMore} may bring more. */
  readonly hasMore: boolean;
  /** The state of the connection. */
  readonly state: State;
  /** Why there is no list; `null` if there is one, or if it is under way. */
  readonly error: unknown;
  /**
   * Marks notifications; without ids, all; with an empty array, none. `items` shows it when the backend has published it.
   *
   * @throws {WssError} The request failed, or the tree is not mounted yet (`disconnected`)
   */
  readonly markAs: (
    status: NotificationStatus,
    ids?: readonly string[] | undefined,
  ) => Promise<void>;
  /**
   * Adds the next page to `items`, if there may be one. While one is under way, another call waits for the
   * same one.
   *
   * @throws {WssError} The request failed, or the tree is not mounted yet (`disconnected`)
   */
  readonly loadMore: () => Promise<void>;
}

/**
 * Subscribes to the user's notifications, for as long as the component is on the screen.
 *
 * @param where Compared by its content, so it may be another object at each rendering
 * @param reading For a backend whose lists or notifications have another form
 */
export function useNotifications<Item = unknown>(
  { types, limit, sort }: NotificationsWhere = {},
  reading: Reading<Item> = {},
): Notifications<Item> {
  const connection = useConnection();
  const latest = useLatest(reading);
  const store = useMemo(
    () => new NotificationsStore(connection, { where: { types, limit, sort }, reading: latest }),
    [connection, JSON.stringify([types, limit, sort])],
  );
  const { value, error } = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  const { markAs, loadMore } = store;
  return {
    items: value?.items,
    hasMore: value?.hasMore ?? false,
    state: useConnectionState(connection),
    error,
    markAs,
    loadMore,
  };
}
