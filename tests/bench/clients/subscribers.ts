/** Clients that subscribe to the notifications of the user of `instant_backend.ts`. */
import type { ClientsOptions } from "./clients.ts";

/** The requests of a client, and the text after which it is subscribed. */
export const SUBSCRIBE: Pick<ClientsOptions, "requests" | "readyAt"> = {
  requests: [
    { rid: 1, command: "authentication", options: { authToken: "alice" } },
    { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
  ],
  readyAt: '"rid":2',
};

const QUERY = new URLSearchParams({
  command: "getMyNotifications",
  options: JSON.stringify({ where: { types: [] } }),
});

/** The same as an event stream. */
export const SUBSCRIBE_BY_STREAM: Pick<ClientsOptions, "path" | "head" | "readyAt"> = {
  path: `/web?${QUERY}`,
  head: ["host: wss", "accept: text/event-stream", "authorization: alice"],
  readyAt: '"status":"ok"',
};
