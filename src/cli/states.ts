/**
 * What `wss connect` says of its connection.
 */
import type { Disconnection, State } from "../client/mod.ts";

/** The close code that a client ends its connection with. */
const NORMAL = 1000;
/** A token that was refused. */
const TOKEN_REFUSED = 4401;

/** Whether a connection has ended as its client wanted. */
export function isWanted(last: Disconnection | null): boolean {
  return last?.code === NORMAL;
}

/** Puts states into words, which depend on the one before; there are none where nothing has changed. */
export function createStateTeller({ url, isGuest }: { url: URL; isGuest: () => boolean }) {
  const address = url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
  let before: State["state"] | "degraded" | undefined;
  /** Whether the token was refused, of which is told once: the same is not tried again. */
  let isRefused = false;

  return function tell(state: State): string | undefined {
    const previous = before;
    before = state.state === "open" && state.degraded ? "degraded" : state.state;
    if (before === previous) return undefined;
    const wasRefused = isRefused;
    isRefused = state.state !== "open" && state.last?.code === TOKEN_REFUSED;
    if (isRefused) {
      return wasRefused ? undefined : `The token was refused, ${describe(state.last)}`;
    }
    switch (state.state) {
      case "connecting":
        return `Connecting to ${address}${url.pathname}`;
      case "open":
        if (state.degraded) {
          return "Degraded: what is new may come late, the service can't read all of its log";
        }
        if (previous === "degraded") return "No longer degraded";
        return isGuest() ? "Open, as a guest, for whom there is no list" : "Open";
      case "waiting": {
        const again = `again in ${(state.retryInMs / 1000).toFixed(1)} s`;
        return previous === "connecting"
          ? `Could not connect (is it up, is this its path, may this client?): trying ${again}`
          : `Cut off, ${describe(state.last)}: connecting ${again}`;
      }
      case "closed":
        return isWanted(state.last) ? "Closed" : `Closed for good, ${describe(state.last)}`;
    }
  };
}

function describe(last: Disconnection | null): string {
  if (!last) return "without a reason";
  return last.reason ? `${last.code} ${last.reason}` : `${last.code}`;
}
