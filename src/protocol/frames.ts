/**
 * The text of frames to clients. Replies and pushes have the same envelope (REQ6).
 */

declare const jsonText: unique symbol;

/** Text that is one valid JSON value, so it can go into an envelope unchanged. */
export type JsonText = string & { readonly [jsonText]: true };

/** `null`, the payload of a frame without data (REQ6). */
export const NULL = "null" as JsonText;

/** Writes a value as JSON. A value that JSON does not have, such as `undefined`, becomes `null`. */
export function toJson(value: unknown): JsonText {
  return (JSON.stringify(value) ?? "null") as JsonText;
}

/** The rid of pushes, and of errors that belong to no request (REQ2). */
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

/** What a command answers. The connection adds the rid. */
export interface Reply {
  readonly status: ReplyStatus;
  readonly payload: JsonText;
  /** The subscription's id, if the command subscribes. Default: the command's name. */
  readonly event?: string;
  /** The place in the log from which the subscription is served, if the command subscribes. */
  readonly cursor?: string;
  /** Whether missed pushes follow; present if the client sent a cursor (DEL5). */
  readonly recovered?: boolean;
  /** The status of an error in an HTTP answer (HTTP1). */
  readonly httpStatus?: number | undefined;
  /** Milliseconds after which the client may try again, if that is known. */
  readonly retryAfterMs?: number | undefined;
  /** Called once, right after the reply was handed to the outbox. */
  readonly sent?: () => void;
}

/** The reply `ok`; the default payload is `null`. */
export function ok(payload: JsonText = NULL): Reply {
  return { status: "ok", payload };
}

/** The reply to a guest from a command that needs a login (LIST3). */
export function unauthorized(): Reply {
  return { status: "unauthorized", payload: NULL };
}

/** Writes a reply (REQ6); `event` is the command's name. */
export function replyFrame(
  rid: number,
  event: string,
  { status, payload, event: ownEvent = event, recovered, cursor }: Reply,
): string {
  return `{"rid":${rid},"event":${toJson(ownEvent)},"status":"${status}","payload":${payload}` +
    (recovered === undefined ? "" : `,"recovered":${recovered}`) +
    (cursor === undefined ? "}" : `,"cursor":"${cursor}"}`);
}

const CURSOR_KEY = ',"cursor":"';

/** The cursor of a frame, which is its last key; `undefined` if it has none. */
export function cursorIn(frame: string): string | undefined {
  // At the end of a payload, this would have backslashes in it, or one more bracket behind it.
  if (!frame.endsWith('"}')) return undefined;
  const cursor = frame.slice(frame.lastIndexOf(CURSOR_KEY) + CURSOR_KEY.length, -2);
  return /^[\w-]+$/.test(cursor) ? cursor : undefined;
}

/** The id of a record, `"<partition>-<offset>"`, which is the same on every instance (DEL4). */
export function recordId(
  { partition, offset }: { readonly partition: number; readonly offset: number },
): string {
  return `${partition}-${offset}`;
}

/** A frame that wss sends without a request. */
export interface Push {
  readonly status: PushStatus;
  readonly payload: JsonText;
  /** The record's id, if the push comes from a record (DEL4). */
  readonly id?: string;
  /** The place in the log up to which the subscription has been served with this push (DEL3). */
  readonly cursor?: string;
}

/** Writes a push; `event` is the subscription's id, or `stream`, `server` or `authentication`. */
export function pushFrame(event: string, { status, payload, id, cursor }: Push): string {
  return `{"rid":${NO_RID},"event":${toJson(event)},"status":"${status}","payload":${payload}` +
    (id === undefined ? "" : `,"id":"${id}"`) +
    (cursor === undefined ? "}" : `,"cursor":"${cursor}"}`);
}
