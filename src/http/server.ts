/**
 * The clients' port: finds what answers a request, by its path.
 */
import { createClientJs } from "./client_js.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { Entrance, type EntranceOptions } from "./entrance.ts";
import { METHODS } from "./exchange/cors.ts";
import { type ExchangeOptions, Exchanges } from "./exchange/exchanges.ts";
import { answerHealth, type Health, isGet, methodNotAllowed } from "./health.ts";
import { type UpgradeOptions, Upgrades } from "./upgrade.ts";

/** Answers a request to a path that the service does not have, such as with {@linkcode notFound}. */
export type Fallback = (request: Request) => Response | Promise<Response>;

/** What {@linkcode createHandler} needs. */
export interface ServerOptions extends EntranceOptions, UpgradeOptions, ExchangeOptions {
  readonly health: Health;
  readonly metrics: Pick<Metrics, "connects" | "refusals">;
  readonly fallback: Fallback;
}

/** Makes the handler for `Deno.serve`. */
export function createHandler(
  options: ServerOptions,
): (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response> {
  const { health, fallback } = options;
  const entrance = new Entrance(options);
  const upgrades = new Upgrades(entrance, options);
  const exchanges = new Exchanges(entrance, options);
  const answerClientJs = createClientJs();

  function answerEndpoint(
    request: Request,
    { endpoint, info }: { endpoint: Endpoint; info: Deno.ServeHandlerInfo },
  ): Response | Promise<Response> {
    const place = { endpoint, peer: hostnameOf(info.remoteAddr) };
    if (isUpgrade(request)) return upgrades.answer(request, place);
    if (isExchange(request)) {
      return exchanges.answer(request, { ...place, completed: info.completed });
    }
    if (isGet(request)) return new Response("Connected");
    return request.method === "OPTIONS" ? exchanges.preflight(request) : methodNotAllowed(METHODS);
  }

  return (request, info) => {
    // The URL has the Host header in it, which may make it invalid.
    const pathname = URL.parse(request.url)?.pathname;
    switch (pathname) {
      case "/web":
      case "/mobile":
        return answerEndpoint(request, { endpoint: pathname, info });
      case "/client.js":
        return answerClientJs(request);
      case "/healthz":
      case "/readyz":
        return isGet(request) ? answerHealth(pathname, health) : methodNotAllowed();
      case undefined:
        return new Response("Bad request", { status: 400 });
      default:
        return fallback(request);
    }
  };
}

/** The answer for a path that does not exist. */
export function notFound(): Response {
  return new Response("Not found", { status: 404 });
}

/** Only a GET can upgrade; a HEAD is answered as a GET without an upgrade. */
function isUpgrade({ method, headers }: Request): boolean {
  return method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Whether a request is one for a client without a WebSocket: a POST, or a GET of an event stream. */
function isExchange({ method, headers }: Request): boolean {
  return method === "POST" ||
    method === "GET" && /(^|,)\s*text\/event-stream\s*(;|,|$)/i.test(headers.get("accept") ?? "");
}

function hostnameOf(address: Deno.Addr): string {
  return "hostname" in address ? address.hostname : "";
}
