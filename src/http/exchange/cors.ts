/**
 * Lets pages of allowed origins read answers, without cookies (HTTP5). Browsers ask with a preflight
 * before they send a POST or a header such as `Authorization`.
 */

/** The methods of an endpoint. */
export const METHODS = "GET, HEAD, POST, OPTIONS";

/** Seconds for which browsers keep the answer to a preflight: the most that Chromium takes. */
const MAX_AGE_SECONDS = 7200;

/** Answers an OPTIONS of an endpoint. */
export function preflightResponse(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "allow": METHODS,
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": "Authorization, Content-Type, Last-Event-ID",
      "access-control-max-age": String(MAX_AGE_SECONDS),
    },
  });
}

/** Lets the page that has sent a request read its answer. Its origin must be an allowed one. */
export function shareWith(headers: Headers, response: Response): Response {
  const origin = headers.get("origin");
  response.headers.append("vary", "Origin");
  if (origin === null) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", "Retry-After");
  return response;
}
