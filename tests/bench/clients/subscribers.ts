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
