/**
 * The hook for a badge.
 */
import { useMemo, useSyncExternalStore } from "react";
import type { NotificationStatus } from "../mod.ts";
import { useConnection } from "./provider.ts";
import { Store } from "./store.ts";

/** Which notifications to count. */
export interface UnreadWhere {
  /** Without types, all. */
  readonly types?: readonly string[] | undefined;
  /** Default `unseen`, the status of notifications that are new to the user. */
  readonly status?: NotificationStatus | undefined;
}

/**
 * Subscribes to the number of the user's notifications, for as long as the component is on the screen.
 *
 * @param where Compared by its content, so it may be another object at each rendering
 * @returns `undefined` until it is known. It stays while the client connects again.
 */
export function useUnread({ types, status }: UnreadWhere = {}): number | undefined {
  const connection = useConnection();
  const store = useMemo(() =>
    new Store<number, number>(connection, {
      open: ({ wss }) => wss.unread({ types, status }),
      apply: (_, total) => total,
    }), [connection, JSON.stringify([types, status])]);
  return useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot).value;
}
