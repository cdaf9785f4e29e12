/** Clients that are subscribed to what is published for the user whom `instant_backend.ts` tells of. */
import type { ClientsOptions } from "./clients.ts";

/** What a client sends, and what has come when it is subscribed. */
export const SUBSCRIBE: Pick<ClientsOptions, "requests" | "readyAt"> = {
  requests: [
    { rid: 1, command: "authentication", options: { authToken: "alice" } },
    { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
  ],
  readyAt: '"rid":2',
};
