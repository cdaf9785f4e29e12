/**
 * Upgrades of the endpoints to WebSockets: each request is let in (`entrance`), upgraded, and handed to
 * its connection.
 *
 * A refusal is an HTTP status in place of the upgrade, except for a token that came as a subprotocol:
 * browsers cannot see the status, so wss upgrades and closes at once with a code (NET4).
 */
import { getLogger } from "@logtape/logtape";
import type { Client, Connection, Socket } from "../connection/connection.ts";
import { type Slot, SocketEvents } from "../connection/socket_events.ts";
import type { Metrics } from "../observe/metrics.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import type { Entrance, EntryRefusal } from "./entrance.ts";
import { unavailable } from "./health.ts";
import { subprotocols, tokenOf } from "./upgrade_token.ts";

const logger = getLogger(["wss", "server"]);

/** Subprotocols of the service; the first one that a client offers is confirmed (NET5, BAT1). */
const PROTOCOLS = ["wss.v1.batch", "wss.v1"] as const;

/** What {@linkcode Upgrades} need. */
export interface UpgradeOptions {
  /** Seconds of silence after which a client is pinged (LIFE1). */
  readonly pingSeconds: number;
  /** Makes the connection of a socket, which is not open yet. */
  readonly connect: (socket: Socket, client: Client) => Connection;
  readonly metrics: Pick<Metrics, "connects">;
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

/** The answer to a client that is refused. */
const REFUSED: Readonly<Record<EntryRefusal, () => Response>> = {
  not_ready: unavailable,
  origin: () => new Response("Forbidden: this origin is not allowed", { status: 403 }),
  full: unavailable,
  no_token: unauthorized,
  token_refused: unauthorized,
  token_not_checked: unavailable,
  handshake: () =>
    new Response("Cannot upgrade: the request is not a WebSocket handshake", { status: 400 }),
};

/** How the socket is closed if the token came as a subprotocol. */
const CLOSES: Partial<Record<EntryRefusal, CloseCode>> = {
  token_refused: CLOSE.tokenRefused,
  token_not_checked: CLOSE.backendUnavailable,
};

/** Answers upgrade requests. */
export class Upgrades {
  readonly #entrance: Entrance;
  readonly #options: UpgradeOptions;

  constructor(entrance: Entrance, options: UpgradeOptions) {
    this.#entrance = entrance;
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
    const admitted = this.#entrance.admit(request, peer);
    if (admitted.refused) return REFUSED[admitted.refused]();
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
    const given = tokenOf(request.headers);
    let response: Response | undefined;
    const refusal = await this.#entrance.identify(given, {
      address: admitted.address,
      use: (identity) => response = this.#open(request, { ...admitted, identity }),
    });
    if (response) return response;
    // Without a response, it is refused.
    const reason = refusal ?? "not_ready";
    const close = given?.form === "subprotocol" ? CLOSES[reason] : undefined;
    if (close) return this.#openAndClose(request, { ...admitted, reason, close });
    return REFUSED[this.#entrance.refuse(reason)]();
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
  #openAndClose(
    request: Request,
    { slot, reason, close }: Admitted & { reason: EntryRefusal; close: CloseCode },
  ): Response {
    const upgraded = this.#upgrade(request);
    if (!upgraded) return this.#refuseHandshake();
    const { socket, response } = upgraded;
    const owner = { opened: () => socket.close(close.code, close.reason), receive() {}, gone() {} };
    new SocketEvents(socket, { owner, slot });
    this.#entrance.refuse(reason);
    return response;
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
    return REFUSED[this.#entrance.refuse("handshake")]();
  }
}

function unauthorized(): Response {
  return new Response(
    "Unauthorized: the whole value of the Authorization header must be a valid token",
    { status: 401, headers: { "www-authenticate": "Bearer" } },
  );
}
