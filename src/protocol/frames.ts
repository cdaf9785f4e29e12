/**
 * The wire contract: envelopes, statuses, error and close codes. Both ways through the service end
 * here: a reply (commands) and a push (Kafka) are the same envelope.
 */

declare const jsonText: unique symbol;

/** Text that is known to be one JSON value, so that it can go into an envelope as it is. */
export type JsonText = string & { readonly [jsonText]: true };

/** `null`, the payload of a reply that has none (REQ6). */
export const NULL = "null" as JsonText;

/** Writes a value as JSON; what JSON can't hold, such as `undefined`, becomes `null`. */
export function toJson(value: unknown): JsonText {
  return (JSON.stringify(value) ?? "null") as JsonText;
}

/** The rid of pushes, and of errors that answer no request (REQ2). */
export const NO_RID = -1;

/** Statuses of replies (REQ7). */
export type ReplyStatus = "ok" | "unauthorized" | "forbidden" | "error";

/** Statuses of pushes (REQ7). */
export type PushStatus =
  | "update"
  | "reload"
  | "resync"
  | "unauthorized"
  | "degraded"
  | "live"
  | "reconnect";

/** What a command answers; the connection adds the rid and, where it is missing, the event. */
export interface Reply {
  readonly status: ReplyStatus;
  readonly payload: JsonText;
  /** The subscription's id, of replies that subscribe; else the command's name is sent. */
  readonly event?: string;
  /** The place in the log from which on the subscription is served, of replies that subscribe. */
  readonly cursor?: string;
  /** Whether what was missed since the client's cursor follows, where it sent one (DEL5). */
  readonly recovered?: boolean;
  /** Called once, right after the reply was handed to the socket. */
  readonly sent?: () => void;
}

/** The reply `ok`, with payload `null` unless told otherwise. */
export function ok(payload: JsonText = NULL): Reply {
  return { status: "ok", payload };
}

/** The reply that a guest gets from a command that needs a user (LIST3). */
export function unauthorized(): Reply {
  return { status: "unauthorized", payload: NULL };
}

/** One frame that answers a request (REQ6). */
export function replyFrame(
  rid: number,
  event: string,
  { status, payload, event: ownEvent = event, recovered, cursor }: Reply,
): string {
  return `{"rid":${rid},"event":${toJson(ownEvent)},"status":"${status}","payload":${payload}` +
    (recovered === undefined ? "" : `,"recovered":${recovered}`) +
    (cursor === undefined ? "}" : `,"cursor":"${cursor}"}`);
}

/** The id of a record, the same on every instance (DEL4). */
export function recordId(
  { partition, offset }: { readonly partition: number; readonly offset: number },
): string {
  return `${partition}-${offset}`;
}

/** One frame that nobody asked for. */
export interface Push {
  readonly status: PushStatus;
  readonly payload: JsonText;
  /** Its record, `"<partition>-<offset>"`, where it is of one (DEL4). */
  readonly id?: string;
  /** The place in the log up to which it is served with this (DEL3). */
  readonly cursor?: string;
}

/** Writes a push; `event` is the subscription's id, or says what it is about. */
export function pushFrame(event: string, { status, payload, id, cursor }: Push): string {
  return `{"rid":${NO_RID},"event":${toJson(event)},"status":"${status}","payload":${payload}` +
    (id === undefined ? "" : `,"id":"${id}"`) +
    (cursor === undefined ? "}" : `,"cursor":"${cursor}"}`);
}

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

/** One way to end a connection. */
export interface CloseCode {
  /** Says why, for operators. */
  readonly name: string;
  readonly code: number;
  /** At most 123 bytes; the platform throws on a longer one. */
  readonly reason: string;
}

/** How wss ends connections, and whether the client should come back by itself (LIFE2). */
export const CLOSE = {
  unsupportedData: {
    name: "unsupported_data",
    code: 1003,
    reason: "Binary frames are not supported",
  },
  messageTooBig: { name: "message_too_big", code: 1009, reason: "Message too big" },
  internalError: { name: "internal_error", code: 1011, reason: "Internal error" },
  restart: { name: "restart", code: 1012, reason: "Restarting; connect again" },
  idleGuest: { name: "idle_guest", code: 4001, reason: "Idle without a login" },
  tooSlow: { name: "too_slow", code: 4008, reason: "Too slow" },
  rateLimited: { name: "rate_limited", code: 4029, reason: "Too many requests" },
  byOperator: { name: "by_operator", code: 1012, reason: "Closed by an operator; connect again" },
  tokenRefused: { name: "token_refused", code: 4401, reason: "Token refused" },
  backendUnavailable: {
    name: "backend_unavailable",
    code: 4503,
    reason: "The token could not be checked; connect again",
  },
} as const satisfies Record<string, CloseCode>;
