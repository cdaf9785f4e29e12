/**
 * Errors that clients are told of (ERR1, ERR2): code, meaning, and whether the same request may
 * succeed later.
 */
import { type Reply, toJson } from "./frames.ts";

/** Every error of wss's own: may the same request succeed later? (ERR2) */
export const ERRORS = {
  "invalid-json": { temporary: false },
  "invalid-request": { temporary: false },
  "unsupported-command": { temporary: false },
  "invalid-options": { temporary: false },
  "duplicate-rid": { temporary: false },
  "invalid-token": { temporary: false },
  "too-many-subscriptions": { temporary: false },
  "rate-limited": { temporary: true },
  "overloaded": { temporary: true },
  "backend-unavailable": { temporary: true },
  "backend-timeout": { temporary: true },
  "backend-invalid": { temporary: true },
  "backend-refused": { temporary: false },
  "shutting-down": { temporary: true },
  "internal": { temporary: true },
} as const satisfies Record<string, { temporary: boolean }>;

/** The code of an error, see {@linkcode ERRORS}. */
export type Slug = keyof typeof ERRORS;

/** One thing that was wrong. */
export interface Problem {
  readonly slug: Slug;
  readonly message: string;
  /** Where in the request, such as `options.where.types`. */
  readonly path?: string;
  /** Milliseconds after which to try again, where that is known. */
  readonly retryAfterMs?: number;
}

/** A refusal that the client is told of. Anything else that is thrown is a defect (`internal`). */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly problems: readonly Problem[];

  constructor(...problems: [Problem, ...Problem[]]) {
    super(problems.map(({ message }) => message).join("; "));
    this.problems = problems;
  }
}

/** The reply that tells a client of an error (ERR1). */
export function errorReply(error: CommandError): Reply {
  return {
    status: "error",
    payload: toJson({
      message: error.message,
      error: error.problems.map(({ slug, message, path, retryAfterMs }) => ({
        Slug: slug,
        Message: message,
        Temporary: ERRORS[slug].temporary,
        Path: path,
        RetryAfterMs: retryAfterMs,
      })),
    }),
  };
}
