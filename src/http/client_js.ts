/**
 * `/client.js`: the client library, for web pages that load it from the service.
 */
import { createHash } from "node:crypto";
import bundle from "./client_bundle.json" with { type: "json" };
import { isGet, methodNotAllowed } from "./health.ts";

/** Seconds for which browsers use the module without asking again. */
const MAX_AGE_SECONDS = 300;

/** Makes the handler of `/client.js`. */
export function createClientJs(): (request: Request) => Response {
  const etag = `"${createHash("sha256").update(bundle).digest("base64url").slice(0, 22)}"`;
  const headers = {
    etag,
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": `public, max-age=${MAX_AGE_SECONDS}`,
    // Pages of other origins load it as a module, which needs CORS.
    "access-control-allow-origin": "*",
  };

  return (request) => {
    if (!isGet(request)) return methodNotAllowed();
    // A proxy that compresses makes the tag a weak one, with W/ in front.
    const known = request.headers.get("if-none-match")?.split(",").map((tag) =>
      tag.trim().replace("W/", "")
    );
    if (known?.some((tag) => tag === etag || tag === "*")) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(bundle, { headers });
  };
}
