/**
 * How `wss connect` reports the state of its connection.
 */
import type { Disconnection, State } from "../client/mod.ts";

/** The close code of a connection that the client ends. */
const NORMAL = 1000;

/** Whether the client itself ended its connection. */
export function isWanted(last: Disconnection | null): boolean {
  return last?.code === NORMAL;
}

/** Makes a function that describes each state. It gives `undefined` if nothing has changed. */
export function createStateDescriber({ url, isGuest }: { url: URL; isGuest: () => boolean }) {
  const address = url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
  let before: State["state"] | "degraded" | undefined;

  return function describe(state: State): string | undefined {
    const previous = before;
    before = state.state === "open" && state.degraded ? "degraded" : state.state;
    if (before === previous) return undefined;
    switch (state.state) {
      case "connecting":
        return `Connecting to ${address}${url.pathname}`;
      case "open":
        if (state.degraded) {
          return "Degraded: new notifications may be late, because the service cannot read all of its log";
        }
        if (previous === "degraded") return "No longer degraded";
        return (isGuest() ? "Open as a guest, who has no list" : "Open") +
          (state.transport === "http" ? ", over HTTP, because no WebSocket comes through" : "");
      case "waiting": {
        const again = `again in ${(state.retryInMs / 1000).toFixed(1)} s`;
        return previous === "connecting"
          ? `Cannot connect (is the service up, is the path right, is this client allowed?): trying ${again}`
          : `Disconnected, ${reasonOf(state.last)}: connecting ${again}`;
      }
      case "unauthorized":
        return `The token was refused, ${reasonOf(state.last)}`;
      case "closed":
        if (previous === "unauthorized") return undefined;
        return isWanted(state.last) ? "Closed" : `Closed for good, ${reasonOf(state.last)}`;
    }
  };
}

function reasonOf(last: Disconnection | null): string {
  if (!last) return "without a reason";
  return last.reason ? `${last.code} ${last.reason}` : `${last.code}`;
}
