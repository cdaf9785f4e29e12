/**
 * Errors that wss itself answers (ERR1, ERR2): code, meaning, and whether the client may try again.
 */
import { type Reply, toJson } from "./frames.ts";

/** One row of {@linkcode ERRORS}. */
interface ErrorCode {
  readonly meaning: string;
  /** Whether the same request may succeed later (ERR2). */
  readonly temporary: boolean;
  /** The status of an HTTP answer that reports it (HTTP1). */
  readonly httpStatus: number;
}

/** Every error of wss itself, by its slug. */
export const ERRORS = {
  "invalid-json": {
    meaning: "The frame is not JSON (FRM3)",
    temporary: false,
    httpStatus: 400,
  },
  "invalid-request": {
    meaning:
      "The frame is not a JSON object (FRM3), or has too many arrays and objects (LIM6), or rid, command or options is wrong (REQ1)",
    temporary: false,
    httpStatus: 400,
  },
  "unsupported-command": {
    meaning: "The endpoint has no such command (NET1)",
    temporary: false,
    httpStatus: 404,
  },
  "invalid-options": {
    meaning: "The command does not take these options",
    temporary: false,
    httpStatus: 400,
  },
  "duplicate-rid": {
    meaning: "An earlier request with this rid is not answered yet (REQ3)",
    temporary: false,
    httpStatus: 400,
  },
  "invalid-token": {
    meaning: "The new token is not a token of the session's user (AUTH4)",
    temporary: false,
    httpStatus: 400,
  },
  "too-many-subscriptions": {
    meaning: "The session already has MAX_SUBSCRIPTIONS (LIM3), or keeps MAX_SESSION_BYTES (LIM5)",
    temporary: false,
    httpStatus: 400,
  },
  "rate-limited": {
    meaning: "The session has sent more requests than RATE_LIMIT allows (LIM2)",
    temporary: true,
    httpStatus: 429,
  },
  "overloaded": {
    meaning: "Too many requests of the session (REQ5), or to the backend API (BCK3), are waiting",
    temporary: true,
    httpStatus: 503,
  },
  "backend-unavailable": {
    meaning: "The backend API could not be reached, or answered 429 or 5xx (BCK4)",
    temporary: true,
    httpStatus: 503,
  },
  "backend-timeout": {
    meaning: "The backend API gave no whole answer within BACKEND_TIMEOUT_MS (BCK3)",
    temporary: true,
    httpStatus: 504,
  },
  "backend-invalid": {
    meaning: "The backend API's answer is not the expected JSON, or is over MAX_BACKEND_BYTES",
    temporary: true,
    httpStatus: 502,
  },
  "backend-refused": {
    meaning: "The backend API answered another 3xx or 4xx, without a JSON body (BCK1)",
    temporary: false,
    httpStatus: 502,
  },
  "shutting-down": {
    meaning: "The connection is about to be closed (LIFE4, AUTH6)",
    temporary: true,
    httpStatus: 503,
  },
  "internal": {
    meaning: "A defect of wss; the message has the id under which it was logged",
    temporary: true,
    httpStatus: 500,
  },
} as const satisfies Record<string, ErrorCode>;

/** The code of an error, see {@linkcode ERRORS}. */
export type Slug = keyof typeof ERRORS;

/** One thing that is wrong. */
export interface Problem {
  readonly slug: Slug;
  readonly message: string;
  /** The place in the request, such as `options.where.types`. */
  readonly path?: string;
  /** Milliseconds after which the client may try again, if that is known. */
  readonly retryAfterMs?: number;
}

/** A refusal; the client gets its problems. Any other error that is thrown is a defect (`internal`). */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly problems: readonly Problem[];

  constructor(...problems: [Problem, ...Problem[]]) {
    super(problems.map(({ message }) => message).join("; "));
    this.problems = problems;
  }
}

/** Makes the reply that reports an error to a client (ERR1). */
export function errorReply(error: CommandError): Reply {
  const [first] = error.problems;
  return {
    status: "error",
    httpStatus: first && ERRORS[first.slug].httpStatus,
    retryAfterMs: first?.retryAfterMs,
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
