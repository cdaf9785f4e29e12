/**
 * The way over a WebSocket, of the platform or of a package.
 */
import { protocolsFor } from "../token.ts";
import type { OpenLine } from "./line.ts";

/** The part of a WebSocket that the library uses. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** Makes WebSockets: `globalThis.WebSocket`, or the class of a package such as `ws`. */
export type WebSocketClass = new (url: string, protocols: string[]) => SocketLike;

/** Opens lines that are WebSockets of this class; without one, of the platform's class. */
export function socketLines(given: WebSocketClass | undefined): OpenLine {
  return (url, token, { onOpen, onFrame, onEnd }) => {
    const socket = new (given ?? WebSocket as WebSocketClass)(url, protocolsFor(token));
    socket.onopen = onOpen;
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (typeof data === "string") onFrame(data);
    };
    // Deno gives the code 0 if there is no close frame.
    socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      onEnd({ code: code || 1006, reason });
    // On Node 20 no close event follows an error; elsewhere one follows, and says no more.
    socket.onerror = ({ message }: { message?: string }) =>
      onEnd({ code: 1006, reason: message ?? "" });
    return {
      isDead: false,
      send(text) {
        try {
          socket.send(text);
        } catch {
          // The socket is closing; its close event follows.
        }
      },
      leave(code) {
        // Not `null`: with `ws`, an error that nobody hears ends the process.
        socket.onopen =
          socket.onmessage =
          socket.onclose =
          socket.onerror =
            () => {};
        // On a dead connection the closing may never end.
        socket.close(code);
      },
    };
  };
}
