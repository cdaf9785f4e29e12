/**
 * Clients without a WebSocket (HTTP1 to HTTP5): each POST, and each event stream, is a connection of its
 * own, with a session and an outbox as those of a socket, whose frames go into the HTTP answer.
 */
import { getLogger } from "@logtape/logtape";
import type { Client, Connection, Socket } from "../../connection/connection.ts";
import type { RateLimit, Rates } from "../../connection/rate_limit.ts";
import { rateLimited } from "../../connection/refusals.ts";
import type { Metrics } from "../../observe/metrics.ts";
import type { Endpoint } from "../../protocol/endpoint.ts";
import { errorReply } from "../../protocol/errors.ts";
import { NULL, unauthorized } from "../../protocol/frames.ts";
import type { Transport } from "../../protocol/transport.ts";
import type { Entrance, EntryRefusal } from "../entrance.ts";
import { RETRY_AFTER_SECONDS } from "../health.ts";
import { headerToken } from "../upgrade_token.ts";
import type { Comments } from "./comments.ts";
import { preflightResponse, shareWith } from "./cors.ts";
import { EventWriter } from "./events.ts";
import { type Counted, RateLimits } from "./rate_limits.ts";
import { problemResponse, refusalResponse, tooLargeResponse } from "./reply_response.ts";
import {
  type BodyRefusal,
  isJson,
  readBody,
  type RefusedBody,
  requestOfUrl,
} from "./request_text.ts";
import { ResponseSocket } from "./response_socket.ts";

const logger = getLogger(["wss", "server"]);

/** A client without a WebSocket. */
export type ExchangeClient = Client & {
  readonly transport: Exclude<Transport, "socket">;
  /** The limit that a POST shares with others of its user, or else of its address (HTTP5). */
  readonly rateLimit?: RateLimit | undefined;
};

/** What {@linkcode Exchanges} need. */
export interface ExchangeOptions {
  readonly limits: { readonly rates: Rates; readonly maxMessageBytes: number };
  /** Makes the connection of a client. */
  readonly exchange: (socket: Socket, client: ExchangeClient) => Connection;
  readonly comments: Pick<Comments, "add" | "remove">;
  readonly metrics: Pick<Metrics, "connects">;
}

/** Where a request has come to, and from where. */
export interface RequestPlace {
  readonly endpoint: Endpoint;
  /** The address from which it came. */
  readonly peer: string;
  /** Resolves when the answer has gone out, or the client has gone. */
  readonly completed: Promise<void>;
}

/** A request that has a slot. */
interface Admitted extends RequestPlace {
  readonly transport: ExchangeClient["transport"];
  /** The address of the client. */
  readonly address: string;
}

/** A request, and the connection that answers it. */
interface Exchange extends Admitted {
  readonly socket: ResponseSocket;
  readonly connection: Connection;
  /** The limit of a POST, as the connection has it. */
  readonly rateLimit: RateLimit | undefined;
}

/** The answer to a body that is not taken. */
const REFUSED_BODY: Readonly<Record<BodyRefusal, () => Response>> = {
  "not-json": () => badBody("its Content-Type is not application/json", 415),
  "too-large": tooLargeResponse,
  "too-slow": () => badBody("it has not come in time", 408),
  "not-utf8": () =>
    problemResponse({ slug: "invalid-json", message: "Cannot read the body: it is not UTF-8" }),
};

/** Answers requests for one reply, and for event streams. */
export class Exchanges {
  readonly #entrance: Entrance;
  readonly #options: ExchangeOptions;
  readonly #rateLimits: RateLimits;
  readonly #events = new EventWriter();

  constructor(entrance: Entrance, options: ExchangeOptions) {
    this.#entrance = entrance;
    this.#options = options;
    this.#rateLimits = new RateLimits(options.limits.rates);
  }

  /** Answers one request. */
  async answer(request: Request, place: RequestPlace): Promise<Response> {
    const transport = request.method === "POST" ? "post" : "stream";
    const { headers } = request;
    const admitted = this.#entrance.admit(request, place.peer);
    if (admitted.refused) return this.#refusalResponse(request, admitted.refused);
    const { slot, address } = admitted;
    const release = () => slot.release();
    place.completed.then(release, release);
    const response = transport === "post" && !isJson(headers)
      ? refuseBody({ refused: "not-json", bytes: 0 }, this.#limitOf({ address }))
      : await this.#open(request, { ...place, transport, address });
    return shareWith(headers, response);
  }

  /** Answers an OPTIONS, with which a browser asks what a page may do. */
  preflight(request: Request): Response {
    return this.#entrance.isAllowedOrigin(request)
      ? shareWith(request.headers, preflightResponse())
      : this.#refusalResponse(request, this.#entrance.refuse("origin"));
  }

  /** Identifies the client, and answers it. */
  async #open(request: Request, admitted: Admitted): Promise<Response> {
    const { transport, address } = admitted;
    const given = headerToken(request.headers);
    const ofAddress = transport === "post" ? this.#limitOf({ address }) : undefined;
    if (given && ofAddress) {
      const retryAfterMs = ofAddress.take(performance.now());
      if (retryAfterMs > 0) return refusalResponse(errorReply(rateLimited(retryAfterMs)));
    }
    let opened: Pick<Exchange, "connection" | "rateLimit"> | undefined;
    const socket = new ResponseSocket(transport === "stream" ? this.#events : null);
    const refusal = await this.#entrance.identify(given, {
      address,
      use: (identity) => opened = this.#connect(socket, { ...admitted, identity, ofAddress }),
    });
    if (!opened) return this.#refusal(this.#entrance.refuse(refusal ?? "not_ready"));
    return await this.#run(request, { ...admitted, socket, ...opened });
  }

  #connect(
    socket: ResponseSocket,
    { transport, endpoint, address, identity, ofAddress }:
      & Admitted
      & Pick<Client, "identity">
      & { ofAddress: RateLimit | undefined },
  ): Pick<Exchange, "connection" | "rateLimit"> {
    const client = { transport, endpoint, address, identity };
    if (identity) ofAddress?.giveBack(performance.now());
    const rateLimit = identity && ofAddress ? this.#limitOf({ user: identity.user }) : ofAddress;
    const knows = { knowsVersion1: true, knowsBatches: false };
    const connection = this.#options.exchange(socket, { ...client, ...knows, rateLimit });
    return { connection, rateLimit };
  }

  #limitOf(counted: Counted): RateLimit {
    return this.#rateLimits.of(counted, performance.now());
  }

  /** Hands the request to its connection, and gives the answer. */
  async #run(request: Request, exchange: Exchange): Promise<Response> {
    const { endpoint, socket, connection, completed } = exchange;
    const { comments, metrics } = this.#options;
    const gone = () => {
      comments.remove(socket);
      connection.gone("client");
      socket.abandon();
    };
    completed.then(gone, gone);
    request.signal.addEventListener("abort", gone);

    this.#receive(request, exchange);
    const response = await socket.response;
    if (!socket.isStream) {
      connection.answered();
    } else if (!connection.isClosed) {
      metrics.connects.inc({ endpoint });
      comments.add(socket);
      logger.debug("A client reads an event stream of {endpoint}", {
        session: connection.id,
        endpoint,
      });
    }
    return response;
  }

  async #receive(
    request: Request,
    { transport, socket, connection, rateLimit }: Exchange,
  ): Promise<void> {
    if (transport === "stream") {
      return connection.receive(requestOfUrl(request.url, request.headers));
    }
    const body = await readBody(request, this.#options.limits.maxMessageBytes);
    if ("text" in body) connection.receive(body.text);
    else socket.refuse(refuseBody(body, rateLimit));
  }

  #refusalResponse(request: Request, reason: EntryRefusal): Response {
    const response = this.#refusal(reason);
    // A page of another origin may not read it.
    return this.#entrance.isAllowedOrigin(request)
      ? shareWith(request.headers, response)
      : response;
  }

  #refusal(reason: EntryRefusal): Response {
    const retryAfterMs = RETRY_AFTER_SECONDS * 1000;
    switch (reason) {
      case "origin":
        return refusalResponse({ status: "forbidden", payload: NULL });
      case "no_token":
      case "token_refused":
        return refusalResponse(unauthorized());
      case "token_not_checked":
        return problemResponse({
          slug: "backend-unavailable",
          message: "The token could not be checked",
          retryAfterMs,
        });
      default:
        return problemResponse({
          slug: this.#entrance.isStopping ? "shutting-down" : "overloaded",
          message: "This instance takes no more clients now",
          retryAfterMs,
        });
    }
  }
}

/** Answers a body that is not taken. It counts as a request that is read (LIM2, LIM6). */
function refuseBody({ refused, bytes }: RefusedBody, rateLimit: RateLimit | undefined): Response {
  const retryAfterMs = rateLimit?.takeRequest(bytes, performance.now()) ?? 0;
  return retryAfterMs > 0
    ? refusalResponse(errorReply(rateLimited(retryAfterMs)))
    : REFUSED_BODY[refused]();
}

function badBody(reason: string, httpStatus: number): Response {
  const message = `Cannot read the body: ${reason}`;
  return problemResponse({ slug: "invalid-request", message }, httpStatus);
}
