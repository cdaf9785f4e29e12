/**
 * The clients' port: finds what answers a request, by its path.
 */
import { createClientJs } from "./client_js.ts";
import { answerHealth, type Health, isGet, methodNotAllowed } from "./health.ts";
import { type UpgradeOptions, Upgrades } from "./upgrade.ts";

/** Answers a request to a path that the service does not have, such as with {@linkcode notFound}. */
export type Fallback = (request: Request) => Response | Promise<Response>;

/** What {@linkcode createHandler} needs. */
export interface ServerOptions extends UpgradeOptions {
  readonly health: Health;
  readonly fallback: Fallback;
}

/** Makes the handler for `Deno.serve`. */
export function createHandler(
  options: ServerOptions,
): (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response> {
  const { health, fallback } = options;
  const upgrades = new Upgrades(options);
  const answerClientJs = createClientJs();

  return (request, { remoteAddr }) => {
    // The URL has the Host header in it, which may make it invalid.
    const pathname = URL.parse(request.url)?.pathname;
    switch (pathname) {
      case "/web":
      case "/mobile":
        if (!isGet(request)) return methodNotAllowed();
        return isUpgrade(request)
          ? upgrades.answer(request, { endpoint: pathname, peer: hostnameOf(remoteAddr) })
          : new Response("Connected");
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

function hostnameOf(address: Deno.Addr): string {
  return "hostname" in address ? address.hostname : "";
}
