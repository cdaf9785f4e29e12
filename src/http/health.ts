/**
 * The answers of `/healthz` and `/readyz`, on the clients' port and on the admin port.
 */

/** The instance's health. */
export interface Health {
  /** Whether clients are served: the log has been read to its end once, and there is no shutdown. */
  readonly isReady: boolean;
  /** Whether the stream is degraded (DEL10). */
  readonly isDegraded: boolean;
  /** Vital parts that are down, without which new clients can't be served. */
  readonly missing: readonly string[];
}

/** Seconds after which a refused client may try again. */
export const RETRY_AFTER_SECONDS = 5;

/** Answers a GET of one of these paths. */
export function answerHealth(
  pathname: "/healthz" | "/readyz",
  { isReady, isDegraded, missing }: Health,
): Response {
  if (pathname === "/healthz") return Response.json({ alive: true });
  if (!isReady) return unavailable();
  if (missing.length > 0) return unavailable({ missing });
  return Response.json({ ready: true, ...(isDegraded ? { degraded: true } : {}) });
}

/** The answer while clients cannot be served, with more to say about it if there is. */
export function unavailable(details: Partial<Pick<Health, "missing">> = {}): Response {
  return Response.json({ ready: false, ...details }, {
    status: 503,
    headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
  });
}

/** Whether a request is a GET, or a HEAD: the platform leaves out the body of its answer (NET2). */
export function isGet({ method }: Pick<Request, "method">): boolean {
  return method === "GET" || method === "HEAD";
}

/** The answer to a method that the path does not have; `allow` lists those that it has. */
export function methodNotAllowed(allow = "GET, HEAD"): Response {
  return new Response("Method not allowed", { status: 405, headers: { allow } });
}
