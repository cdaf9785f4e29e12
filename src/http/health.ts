/**
 * What `/healthz` and `/readyz` answer, on the clients' port and on the admin port.
 */

/** What is known of the instance's health. */
export interface Health {
  /** Whether clients are served: caught up with the log, and not shutting down. */
  readonly isReady: boolean;
  /** Whether the stream is (DEL10). */
  readonly isDegraded: boolean;
}

/** Seconds after which who was refused may try again. */
const RETRY_AFTER_SECONDS = 5;

/** Answers a GET of one of these paths. */
export function answerHealth(
  pathname: "/healthz" | "/readyz",
  { isReady, isDegraded }: Health,
): Response {
  if (pathname === "/healthz") return Response.json({ alive: true });
  if (!isReady) return unavailable();
  return Response.json({ ready: true, ...(isDegraded ? { degraded: true } : {}) });
}

/** Says that clients are not served, now. */
export function unavailable(): Response {
  return Response.json({ ready: false }, {
    status: 503,
    headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
  });
}

/** Says that only GET is allowed, or what else is. */
export function methodNotAllowed(allow = "GET"): Response {
  return new Response("Method not allowed", { status: 405, headers: { allow } });
}
