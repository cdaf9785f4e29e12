/**
 * HTTP routes on the clients' port: upgrades of the endpoints, health. Refuses before upgrading.
 */
import { getLogger } from "@logtape/logtape";
import type { Endpoint } from "./commands/table.ts";
import type { Connection, Socket } from "./connection.ts";

const log = getLogger(["wss", "server"]);

/** Seconds after which a client that was refused may try again. */
const RETRY_AFTER_SECONDS = 5;

/** What is known of a client from its upgrade. */
export interface Client {
  readonly endpoint: Endpoint;
  /** Whether it offered `wss.v1` (NET5). */
  readonly knowsVersion1: boolean;
}

/** What {@linkcode createHandler} needs. */
export interface ServerOptions {
  /** See LIFE1; the platform pings after half of its idle timeout and closes after all of it. */
  readonly pingSeconds: number;
  /** Whether clients are served: caught up with the log, and not shutting down. */
  readonly isReady: () => boolean;
  /** Whether the stream is (DEL10). */
  readonly isDegraded: () => boolean;
  /** Makes the connection of a socket; called once it is open. */
  readonly connect: (socket: Socket, client: Client) => Connection;
  /** Called when the socket of a connection has closed, at times more than once. */
  readonly onClosed: (connection: Connection) => void;
}

/** Makes the handler for `Deno.serve`. */
export function createHandler(
  { pingSeconds, isReady, isDegraded, connect, onClosed }: ServerOptions,
): (request: Request) => Response {
  function upgrade(request: Request, endpoint: Endpoint): Response {
    if (!isReady()) return unavailable();
    // The request can't be read any more once it is upgraded.
    const knowsVersion1 = offersVersion1(request);
    let upgraded: Deno.WebSocketUpgrade;
    try {
      upgraded = Deno.upgradeWebSocket(request, { idleTimeout: 2 * pingSeconds });
    } catch {
      return text(400, "Cannot upgrade: this is no WebSocket handshake");
    }
    const { socket, response } = upgraded;
    // Not by the option `protocol`, which takes a list without spaces for one name.
    if (knowsVersion1) response.headers.set("sec-websocket-protocol", "wss.v1");
    socket.binaryType = "arraybuffer";
    let connection: Connection | undefined;
    socket.onopen = () => connection = connect(socket, { endpoint, knowsVersion1 });
    socket.onmessage = ({ data }) => connection?.receive(data);
    socket.onclose = () => {
      connection?.end();
      if (connection) onClosed(connection);
    };
    // An error is always followed by the close event, which is all that is needed.
    socket.onerror = (event) => {
      log.debug("A socket failed: {reason}", {
        reason: event instanceof ErrorEvent ? event.message : "unknown",
      });
    };
    return response;
  }

  return (request) => {
    // A Host header can make it no URL.
    const pathname = URL.parse(request.url)?.pathname;
    switch (pathname) {
      case "/web":
      case "/mobile":
        if (request.method !== "GET") return methodNotAllowed();
        return request.headers.get("upgrade")?.toLowerCase() === "websocket"
          ? upgrade(request, pathname)
          : text(200, "Connected");
      case "/healthz":
        return request.method === "GET" ? Response.json({ alive: true }) : methodNotAllowed();
      case "/readyz":
        if (request.method !== "GET") return methodNotAllowed();
        if (!isReady()) return unavailable();
        return Response.json({ ready: true, ...(isDegraded() ? { degraded: true } : {}) });
      case undefined:
        return text(400, "Bad request");
      default:
        return text(404, "Not found");
    }
  };
}

/** Whether the client knows what is new since the Go service (NET5). */
function offersVersion1(request: Request): boolean {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  return offered.split(",").some((protocol) => protocol.trim() === "wss.v1");
}

function text(status: number, body: string): Response {
  return new Response(body, { status });
}

function methodNotAllowed(): Response {
  return new Response("Method not allowed", { status: 405, headers: { allow: "GET" } });
}

function unavailable(): Response {
  return Response.json({ ready: false }, {
    status: 503,
    headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
  });
}
