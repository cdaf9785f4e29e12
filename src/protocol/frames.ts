/**
 * The frames that clients are sent: replies and pushes share one envelope (REQ6).
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
