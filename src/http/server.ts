/**
 * HTTP routes on the clients' port: upgrades of the endpoints, the client library, health. Refuses
 * before upgrading.
 */
import { getLogger } from "@logtape/logtape";
import { createClientJs } from "./client_js.ts";
import type { Admission } from "./admission.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import type { Client, Connection, Socket } from "../connection/connection.ts";
import { answerHealth, type Health, methodNotAllowed, unavailable } from "./health.ts";
import type { Metrics, REFUSALS } from "../observe/metrics.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import { type Slot, SocketEvents } from "../connection/socket_events.ts";
import type { Tokens } from "../backend/tokens.ts";
import { identifyUpgrade, subprotocols, tokenOf } from "./upgrade_token.ts";

const logger = getLogger(["wss", "server"]);

/** The subprotocols that a client may offer (NET5, BAT1), the one that is taken first in front. */
const PROTOCOLS = ["wss.v1.batch", "wss.v1"] as const;

/** What {@linkcode createHandler} needs. */
export interface ServerOptions {
  /** See LIFE1; the platform pings after half of its idle timeout and closes after all of it. */
  readonly pingSeconds: number;
  /** Whether clients need a token (NET4). */
  readonly authRequired: boolean;
  readonly admission: Pick<Admission, "admit">;
  /** Aborted when the end has begun. */
  readonly signal: AbortSignal;
  readonly tokens: Pick<Tokens, "identify">;
  readonly health: Health;
  /** Makes the connection of a socket, which is not open yet. */
  readonly connect: (socket: Socket, client: Client & { endpoint: Endpoint }) => Connection;
  readonly metrics: Pick<Metrics, "connects" | "refusals">;
  /** Answers paths that the service does not know. */
  readonly fallback: Fallback;
}

/** Answers a request; one that it does not know as well with {@linkcode notFound}. */
export type Fallback = (request: Request) => Response | Promise<Response>;

/** Makes the handler for `Deno.serve`. */
export function createHandler(
  options: ServerOptions,
): (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response> {
  const { pingSeconds, authRequired, admission, tokens, signal, health } = options;
  const { connects, refusals } = options.metrics;
  const answerClientJs = createClientJs();

  /** Counts why an upgrade is refused. */
  function refuse(reason: (typeof REFUSALS)[number], response: Response): Response {
    refusals.inc({ reason });
    logger.debug("An upgrade was refused: {reason}", { reason });
    return response;
  }

  async function upgrade(
    request: Request,
    { endpoint, peer }: { endpoint: Endpoint; peer: string },
  ): Promise<Response> {
    if (!health.isReady) return refuse("not_ready", unavailable());
    const admitted = admission.admit(request.headers, peer);
    if (admitted.refused === "origin") {
      return refuse("origin", text(403, "Forbidden: this origin is not allowed"));
    }
    if (admitted.refused !== null) {
      logger.warn(
        "A client was refused, for MAX_CONNECTIONS or MAX_CONNECTIONS_PER_IP is reached: " +
          "run more instances, or raise it",
      );
      return refuse(admitted.refused, unavailable());
    }
    const { slot } = admitted;
    try {
      const response = await upgradeAdmitted(request, { endpoint, slot });
      if (response.status !== 101) slot.release();
      return response;
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  async function upgradeAdmitted(
    request: Request,
    { endpoint, slot }: { endpoint: Endpoint; slot: Slot },
  ): Promise<Response> {
    const given = tokenOf(request.headers);
    if (!given) {
      if (authRequired) return refuse("no_token", unauthorized());
      return accept(request, (socket, knows) => {
        listen(socket, { endpoint, ...knows, identity: null, slot });
      });
    }
    let response: Response | undefined;
    const status = await identifyUpgrade(given, {
      tokens,
      signal,
      use(identity) {
        if (!health.isReady) return;
        response = accept(request, (socket, knows) => {
          listen(socket, { endpoint, ...knows, identity, slot });
        });
      },
    });
    if (response) return response;
    if (!health.isReady) return refuse("not_ready", unavailable());
    const isRefused = status === "unauthorized";
    const why = isRefused ? "token_refused" : "token_not_checked";
    if (given.form === "header") return refuse(why, isRefused ? unauthorized() : unavailable());
    // A browser could not see why it was refused.
    const { code, reason } = isRefused ? CLOSE.tokenRefused : CLOSE.backendUnavailable;
    const accepted = accept(request, (socket) => {
      const owner = { opened: () => socket.close(code, reason), receive() {}, gone() {} };
      new SocketEvents(socket, { owner, slot });
    });
    return accepted.status === 101 ? refuse(why, accepted) : accepted;
  }

  function accept(
    request: Request,
    take: (socket: WebSocket, knows: Pick<Client, "knowsVersion1" | "knowsBatches">) => void,
  ): Response {
    // The request can't be read any more once it is upgraded.
    const offered = subprotocols(request.headers);
    const protocol = PROTOCOLS.find((known) => offered.includes(known));
    let upgraded: Deno.WebSocketUpgrade;
    try {
      upgraded = Deno.upgradeWebSocket(request, { idleTimeout: 2 * pingSeconds });
    } catch {
      return refuse("handshake", text(400, "Cannot upgrade: this is no WebSocket handshake"));
    }
    const { socket, response } = upgraded;
    // Not by the option `protocol`, which takes a list without spaces for one name.
    if (protocol) response.headers.set("sec-websocket-protocol", protocol);
    take(socket, {
      knowsVersion1: protocol !== undefined,
      knowsBatches: protocol === "wss.v1.batch",
    });
    return response;
  }

  function listen(
    socket: WebSocket,
    { slot, ...client }: Client & { endpoint: Endpoint; slot: Slot },
  ): void {
    socket.binaryType = "arraybuffer";
    const connection = options.connect(socket, client);
    connects.inc({ endpoint: client.endpoint });
    logger.debug("A client connected to {endpoint}", {
      session: connection.id,
      endpoint: client.endpoint,
      withToken: client.identity !== null,
    });
    new SocketEvents(socket, { owner: connection, slot });
  }

  return (request, { remoteAddr }) => {
    // A Host header can make it no URL.
    const pathname = URL.parse(request.url)?.pathname;
    switch (pathname) {
      case "/web":
      case "/mobile":
        if (request.method !== "GET") return methodNotAllowed();
        return request.headers.get("upgrade")?.toLowerCase() === "websocket"
          ? upgrade(request, { endpoint: pathname, peer: hostnameOf(remoteAddr) })
          : text(200, "Connected");
      case "/client.js":
        return answerClientJs(request);
      case "/healthz":
      case "/readyz":
        return request.method === "GET" ? answerHealth(pathname, health) : methodNotAllowed();
      case undefined:
        return text(400, "Bad request");
      default:
        return options.fallback(request);
    }
  };
}

/** What a path that nobody knows is answered. */
export function notFound(): Response {
  return text(404, "Not found");
}

function hostnameOf(address: Deno.Addr): string {
  return "hostname" in address ? address.hostname : "";
}

function text(status: number, body: string): Response {
  return new Response(body, { status });
}

function unauthorized(): Response {
  return new Response(
    "Unauthorized: the Authorization header has to be a good token, and nothing else",
    {
      status: 401,
      headers: { "www-authenticate": "Bearer" },
    },
  );
}
