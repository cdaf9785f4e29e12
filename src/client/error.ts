/**
 * The errors with which calls of the client library reject.
 */

/** What a {@linkcode WssError} is made of. */
export interface WssErrorInit {
  readonly slug: string;
  readonly message: string;
  readonly temporary: boolean;
  readonly retryAfterMs?: number | undefined;
}

/** A request that failed, or a subscription that could not go on. */
export class WssError extends Error {
  override readonly name = "WssError";
  /**
   * One of the service's slugs (ERR2), or one of these: `unauthorized`, `forbidden`; `backend-error`
   * if a backend refused the request for a reason of its own; `disconnected` if the connection broke
   * before the reply; `closed` after the end. `overloaded` also means that too many requests wait in
   * this client.
   */
  readonly slug: string;
  /** Whether the same call may succeed later. */
  readonly temporary: boolean;
  /** Milliseconds after which to try again, if that is known. */
  readonly retryAfterMs: number | undefined;

  constructor({ slug, message, temporary, retryAfterMs }: WssErrorInit) {
    super(message);
    this.slug = slug;
    this.temporary = temporary;
    this.retryAfterMs = retryAfterMs;
  }
}

/** An entry of an error reply (ERR1). */
interface Problem {
  readonly Slug: string;
  readonly Message: string;
  readonly Temporary: boolean;
  readonly RetryAfterMs?: unknown;
}

/** The longest wait before another try, in milliseconds, whatever the service says. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Characters of a backend's payload that an error message shows, at most. */
const MAX_SHOWN = 200;

/** Makes the error of a reply whose status is not `ok`. */
export function errorOf(status: string, payload: unknown): WssError {
  if (status !== "error") {
    return new WssError({ slug: status, message: `The request is ${status}`, temporary: false });
  }
  const problem = problemOf(payload);
  if (!problem) {
    const shown = String(JSON.stringify(payload)).slice(0, MAX_SHOWN);
    const message = `The backend refused the request: ${shown}`;
    return new WssError({ slug: "backend-error", message, temporary: false });
  }
  return new WssError({
    slug: problem.Slug,
    message: problem.Message,
    temporary: problem.Temporary,
    retryAfterMs: waitOf(problem),
  });
}

/** The first problem in an error of the service; `null` for a backend's payload, of whatever form. */
function problemOf(payload: unknown): Problem | null {
  const problems = (payload as { error?: unknown } | null)?.error;
  const [problem] = Array.isArray(problems) ? problems : [];
  return typeof problem?.Slug === "string" ? problem : null;
}

/** Bounded, because a timer of more than 2^31 - 1 ms fires at once. */
function waitOf({ RetryAfterMs: ms }: Problem): number | undefined {
  return typeof ms === "number" && ms >= 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}

/** Makes the error of a request whose connection was lost before the reply came. */
export function disconnected(): WssError {
  return new WssError({
    slug: "disconnected",
    message: "The connection was lost before the reply came",
    temporary: true,
  });
}

/** Makes the error of a client that was closed, by its program or for good by the service. */
export function closed(why: { readonly code: number; readonly reason: string } | null): WssError {
  const message = `The client is closed: ${why?.code} ${why?.reason}`;
  return new WssError({ slug: "closed", message, temporary: false });
}
