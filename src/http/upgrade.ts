/**
 * Upgrades of the endpoints to WebSockets: each request is admitted (`admission`), identified by its
 * token (`upgrade_token`), upgraded, and handed to its connection.
 *
 * A refusal is an HTTP status in place of the upgrade, except for a token that came as a subprotocol:
 * browsers cannot see the status, so wss upgrades and closes at once with a code (NET4).
 */
import { getLogger } from "@logtape/logtape";
import type { Tokens } from "../backend/tokens.ts";
import type { Client, Connection, Socket } from "../connection/connection.ts";
import { type Slot, SocketEvents } from "../connection/socket_events.ts";
import type { Metrics, REFUSALS } from "../observe/metrics.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import type { Admission } from "./admission.ts";
import { type Health, unavailable } from "./health.ts";
import { identifyUpgrade, subprotocols, tokenOf } from "./upgrade_token.ts";

const logger = getLogger(["wss", "server"]);

/** Subprotocols of the service; the first one that a client offers is confirmed (NET5, BAT1). */
const PROTOCOLS = ["wss.v1.batch", "wss.v1"] as const;

/** What {@linkcode Upgrades} need. */
export interface UpgradeOptions {
  /** Seconds of silence after which a client is pinged (LIFE1). */
  readonly pingSeconds: number;
  /** Whether clients need a token (NET4). */
  readonly authRequired: boolean;
  readonly admission: Pick<Admission, "admit">;
  readonly tokens: Pick<Tokens, "identify">;
  /** Aborted when the shutdown begins. */
  readonly signal: AbortSignal;
  readonly health: Pick<Health, "isReady">;
  /** Makes the connection of a socket, which is not open yet. */
  readonly connect: (socket: Socket, client: Client) => Connection;
  readonly metrics: Pick<Metrics, "connects" | "refusals">;
}

/** An admitted request. */
interface Admitted {
  readonly endpoint: Endpoint;
  /** The slot of the connection. It is released if the upgrade fails. */
  readonly slot: Slot;
  /** The address of the client. */
  readonly address: string;
}

/** A socket, and the response that opens it. */
interface Upgraded extends Deno.WebSocketUpgrade {
  /** The subprotocol that is confirmed. */
  readonly protocol: (typeof PROTOCOLS)[number] | undefined;
}

/** How a token is refused. */
interface TokenRefusal {
  readonly reason: "token_refused" | "token_not_checked";
  /** The answer if it came in the header. */
  readonly response: () => Response;
  /** The close code if it came as a subprotocol. */
  readonly close: CloseCode;
}

const TOKEN_REFUSED: TokenRefusal = {
  reason: "token_refused",
  response: unauthorized,
  close: CLOSE.tokenRefused,
};

const TOKEN_NOT_CHECKED: TokenRefusal = {
  reason: "token_not_checked",
  response: unavailable,
  close: CLOSE.backendUnavailable,
};

/** Answers upgrade requests. */
export class Upgrades {
  readonly #options: UpgradeOptions;

  constructor(options: UpgradeOptions) {
    this.#options = options;
    // Without it, the platform copies each frame while it sends it, and a connection keeps the memory
    // of its largest frame. The platform reads it at the first upgrade.
    Deno.env.set("DENO_USE_WRITEV", "1");
  }

  /**
   * Answers one upgrade request.
   *
   * @param options.peer The address from which the request came
   */
  async answer(
    request: Request,
    { endpoint, peer }: { endpoint: Endpoint; peer: string },
  ): Promise<Response> {
    const { health, admission } = this.#options;
    if (!health.isReady) return this.#refuse("not_ready", unavailable());
    const admitted = admission.admit(request.headers, peer);
    switch (admitted.refused) {
      case "origin": {
        const response = new Response("Forbidden: this origin is not allowed", { status: 403 });
        return this.#refuse("origin", response);
      }
      case "full":
        logger.warn(
          "A client was refused because MAX_CONNECTIONS or MAX_CONNECTIONS_PER_IP is reached: " +
            "run more instances, or raise the limit",
        );
        return this.#refuse("full", unavailable());
    }
    const { slot, address } = admitted;
    try {
      const response = await this.#identify(request, { endpoint, slot, address });
      if (response.status !== 101) slot.release();
      return response;
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  async #identify(request: Request, admitted: Admitted): Promise<Response> {
    const { authRequired, tokens, signal, health } = this.#options;
    const given = tokenOf(request.headers);
    if (!given) {
      return authRequired
        ? this.#refuse("no_token", unauthorized())
        : this.#open(request, { ...admitted, identity: null });
    }
    let response: Response | undefined;
    const status = await identifyUpgrade(given, {
      tokens,
      address: admitted.address,
      signal,
      use: (identity) => {
        if (health.isReady) response = this.#open(request, { ...admitted, identity });
      },
    });
    if (response) return response;
    if (!health.isReady) return this.#refuse("not_ready", unavailable());
    const refusal = status === "unauthorized" ? TOKEN_REFUSED : TOKEN_NOT_CHECKED;
    if (given.form === "header") return this.#refuse(refusal.reason, refusal.response());
    return this.#openAndClose(request, { ...admitted, ...refusal });
  }

  /** Upgrades, and makes the connection. */
  #open(
    request: Request,
    { endpoint, identity, slot, address }: Admitted & Pick<Client, "identity">,
  ): Response {
    const upgraded = this.#upgrade(request);
    if (!upgraded) return this.#refuseHandshake();
    const { socket, response, protocol } = upgraded;
    socket.binaryType = "arraybuffer";
    const connection = this.#options.connect(socket, {
      endpoint,
      identity,
      address,
      knowsVersion1: protocol !== undefined,
      knowsBatches: protocol === "wss.v1.batch",
    });
    this.#options.metrics.connects.inc({ endpoint });
    logger.debug("A client connected to {endpoint}", {
      session: connection.id,
      endpoint,
      withToken: identity !== null,
    });
    new SocketEvents(socket, { owner: connection, slot });
    return response;
  }

  /** Upgrades, and closes the socket as soon as it is open. */
  #openAndClose(request: Request, { slot, reason, close }: Admitted & TokenRefusal): Response {
    const upgraded = this.#upgrade(request);
    if (!upgraded) return this.#refuseHandshake();
    const { socket, response } = upgraded;
    const owner = { opened: () => socket.close(close.code, close.reason), receive() {}, gone() {} };
    new SocketEvents(socket, { owner, slot });
    return this.#refuse(reason, response);
  }

  /** Gives `null` if the request is not a valid WebSocket handshake. */
  #upgrade(request: Request): Upgraded | null {
    // The request cannot be read any more after its upgrade.
    const offered = subprotocols(request.headers);
    const protocol = PROTOCOLS.find((known) => offered.includes(known));
    let upgraded: Deno.WebSocketUpgrade;
    try {
      // The platform pings after half of the idle timeout, and closes after all of it.
      upgraded = Deno.upgradeWebSocket(request, { idleTimeout: 2 * this.#options.pingSeconds });
    } catch {
      return null;
    }
    const { socket, response } = upgraded;
    // Not by the option `protocol`, which takes a list without spaces for one name.
    if (protocol) response.headers.set("sec-websocket-protocol", protocol);
    return { socket, response, protocol };
  }

  #refuseHandshake(): Response {
    const text = "Cannot upgrade: the request is not a WebSocket handshake";
    return this.#refuse("handshake", new Response(text, { status: 400 }));
  }

  /** Counts why an upgrade is refused. */
  #refuse(reason: (typeof REFUSALS)[number], response: Response): Response {
    this.#options.metrics.refusals.inc({ reason });
    logger.debug("An upgrade was refused: {reason}", { reason });
    return response;
  }
}

function unauthorized(): Response {
  return new Response(
    "Unauthorized: the whole value of the Authorization header must be a valid token",
    { status: 401, headers: { "www-authenticate": "Bearer" } },
  );
}
