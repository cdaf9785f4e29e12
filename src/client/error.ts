/**
 * What calls of the client library reject with.
 */

/** What a {@linkcode WssError} is made of. */
export interface WssErrorInit {
  readonly slug: string;
  readonly message: string;
  readonly temporary: boolean;
  readonly retryAfterMs?: number | undefined;
}

/** A request that could not be done, or a subscription that could not go on. */
export class WssError extends Error {
  override readonly name = "WssError";
  /**
   * One of the service's slugs (ERR2); or `unauthorized`, `forbidden`; `backend-error` for what a
   * backend said itself; `disconnected` where the line broke before the reply; `closed` after the end;
   * `overloaded` also where too much waits for a connection.
   */
  readonly slug: string;
  /** Whether the same call may succeed later. */
  readonly temporary: boolean;
  /** Milliseconds after which to try again, where that is known. */
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
  readonly RetryAfterMs?: number;
}

/** Characters of what a backend says that come into a message, at most. */
const MAX_SHOWN = 200;

/** The error that a reply tells of; its status is not `ok`. */
export function errorOf(status: string, payload: unknown): WssError {
  if (status !== "error") {
    return new WssError({ slug: status, message: `The request is ${status}`, temporary: false });
  }
  const problem = problemOf(payload);
  if (!problem) {
    const shown = String(JSON.stringify(payload)).slice(0, MAX_SHOWN);
    const message = `The backend refused: ${shown}`;
    return new WssError({ slug: "backend-error", message, temporary: false });
  }
  return new WssError({
    slug: problem.Slug,
    message: problem.Message,
    temporary: problem.Temporary,
    retryAfterMs: problem.RetryAfterMs,
  });
}

/** What the service says; a payload of the backend's own may have any form. */
function problemOf(payload: unknown): Problem | null {
  const problems = (payload as { error?: unknown } | null)?.error;
  const [problem] = Array.isArray(problems) ? problems : [];
  return typeof problem?.Slug === "string" ? problem : null;
}

/** The line broke before the reply came. */
export function disconnected(): WssError {
  return new WssError({
    slug: "disconnected",
    message: "The connection was lost before the reply came",
    temporary: true,
  });
}

/** The client has been closed, by itself or for good by the service. */
export function closed(why: { readonly code: number; readonly reason: string } | null): WssError {
  const message = `The client is closed: ${why?.code} ${why?.reason}`;
  return new WssError({ slug: "closed", message, temporary: false });
}
