/**
 * The existing APIs that wss asks, and how requests to each of them are treated.
 */

/** An API, by the name that the protocol gives it: `{user}`, `{notification}` and so on. */
export type Api = "user" | "notification" | "schedule" | "tournament";

/** How requests to an API are treated. */
export interface ApiTraits {
  /** Whether the session's token is sent to it (BCK2). */
  readonly withToken: boolean;
  /**
   * How long an identical GET may join one that was asked for before (BCK6): while it is under way,
   * or, if a stale answer would do harm, only while it waits for a place in the pool.
   */
  readonly joinable: "under way" | "unsent";
}

/** How requests to each API are treated. */
export const APIS: Readonly<Record<Api, ApiTraits>> = {
  user: { withToken: true, joinable: "under way" },
  notification: { withToken: true, joinable: "unsent" },
  schedule: { withToken: false, joinable: "unsent" },
  tournament: { withToken: false, joinable: "under way" },
};

/** Makes one value for each API. */
export function forEachApi<T>(make: (api: Api) => T): Record<Api, T> {
  return {
    user: make("user"),
    notification: make("notification"),
    schedule: make("schedule"),
    tournament: make("tournament"),
  };
}
