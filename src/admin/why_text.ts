/**
 * The sentences of `/why`.
 */
import { type Addressees, messageTypeOf, namesOf } from "../log/addressing.ts";
import type { LossReport } from "../log/loss.ts";
import type { Stream } from "../log/stream.ts";
import type { Entry } from "../log/window.ts";
import type { Past, Step } from "../observe/deliveries.ts";
import type { History, Span } from "./histories.ts";

/** A time for people, in ISO 8601. */
export type Time = string;

/** What became of a message. */
export interface MessageReport {
  readonly id: string;
  /** `idCount` is the number of all ids; `ids` has at most 100 of them. */
  readonly to: Addressees & { readonly idCount?: number };
  readonly does: "update" | "reload";
  readonly publishedAt: Time;
  readonly readAt: Time;
  /**
   * The instance read it while it started, and pushed it to nobody. Clients get it if they resume.
   */
  readonly readAtStart: boolean;
  /** Its recipients are no longer known, because there were too many pushes since. */
  readonly isForgotten: boolean;
  /** The number of all recipients; `recipients` has at most 100 of them. */
  readonly recipientCount: number;
  readonly recipients: {
    readonly session: string;
    readonly user: string | null;
    readonly subscription: string;
    /** The outcome, in words. */
    readonly result: string;
    readonly steps: { readonly what: string; readonly at: Time }[];
  }[];
  /** Other sessions of the user, and why they did not get the message. */
  readonly others: { readonly session: string; readonly why: string }[];
}

/** The most ids of a message, the most types, and the most characters of a text, that are written. */
const MAX_IDS = 100;
const MAX_TYPES = 20;
const MAX_LENGTH = 200;

/** Addressees as they are written, however many and long they are. */
export function briefAddressees(to: Addressees): MessageReport["to"] {
  switch (to.by) {
    case "subscription":
      return { ...to, ids: to.ids.slice(0, MAX_IDS).map(shorten), idCount: to.ids.length };
    case "user":
      return { ...to, user: shorten(to.user), type: shorten(to.type) };
    case "resource":
      return to;
  }
}

/** The beginning of a text, if it is long. */
export function shorten<T extends string | null>(text: T): T | string {
  return text !== null && text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

/** Writes a time that is given in milliseconds since 1970. */
export function time(ms: number): Time {
  return new Date(ms).toISOString();
}

/** Writes a span. */
export function spanOf({ from, to, why }: Span) {
  return { from: time(from), ...(to === undefined ? {} : { to: time(to), why }) };
}

/**
 * The outcome of a message for a recipient, in words.
 *
 * @param step The last step of the message for this recipient
 * @param options.later What has ended for the session at or after that step
 */
export function resultOf(
  { what, subscription }: Step,
  { later, isConnected }: { later: readonly Past[]; isConnected: boolean },
): string {
  const end = later.find(({ kind }) => kind === "session");
  switch (what) {
    case "sent":
    case "caught up":
    case "reloaded":
      if (end) return `${what}; the connection ended at ${time(end.to)}: ${end.why}`;
      return isConnected ? what : `${what}; the session has ended`;
    case "in a later list":
    case "the client has it already":
    case "counted again":
      return what;
  }
  const resync = later.find((past) => past.kind === "resync" && past.subscription === subscription);
  if (resync) return `not sent: the client was resynced at ${time(resync.to)}: ${resync.why}`;
  const over = later.find((past) =>
    past.kind === "subscription" && past.target.id === subscription
  );
  if (over) return `not sent: the subscription ended at ${time(over.to)}: ${over.why}`;
  return isConnected ? `not sent yet: ${what}` : "not sent: the session has ended";
}

/** Why one of the user's sessions is not among the recipients of a message. */
export function whyNot({ connection, logins, subscriptions }: History, entry: Entry): string {
  const { readAt: at, delivery: { to } } = entry;
  if (connection.to !== undefined && connection.to <= at) {
    return `not connected: the connection had ended at ${time(connection.to)}: ${connection.why}`;
  }
  if (connection.from > at) return `not connected: it connected later, at ${time(connection.from)}`;
  if (!logins.some((login) => covers(login, at))) {
    const before = logins.findLast((login) => isBefore(login, at));
    return before
      ? `no longer the user's session since ${time(before.to ?? 0)}: ${before.why}`
      : `not yet the user's session: the login was at ${time(logins[0]?.from ?? 0)}`;
  }
  const names = namesOf(to);
  const concerned = subscriptions.filter(({ target: { id, resource } }) =>
    to.by === "user"
      ? resource === "notification"
      : names.includes(to.by === "subscription" ? id : resource)
  );
  const then = concerned.filter((subscription) => covers(subscription, at));
  if (to.by === "user" && then.length > 0) {
    const types = then.flatMap(({ target: { types = [] } }) => types);
    const isFor = then.some(({ target: { types = [] } }) =>
      types.length === 0 || types.includes(to.type)
    );
    return isFor
      ? "subscribed to it in the millisecond in which it was read"
      : `subscribed only to other types: ${types.slice(0, MAX_TYPES).join(", ")}` +
        (types.length > MAX_TYPES ? ` and ${types.length - MAX_TYPES} more` : "");
  }
  const before = concerned.findLast((subscription) => isBefore(subscription, at));
  if (before) return `no longer subscribed since ${time(before.to ?? 0)}: ${before.why}`;
  const later = concerned.find(({ from }) => from >= at);
  if (later) return `not subscribed yet: it subscribed at ${time(later.from)} and got a list then`;
  return "not subscribed to it";
}

/** What became of a message, in a few sentences, without the last period. */
export function sentenceOf(
  {
    id,
    to,
    readAt,
    readAtStart,
    isForgotten,
    recipients: [first],
    recipientCount,
    others: [other, ...rest],
  }: MessageReport,
): string {
  const type = to.by === "user" ? `of type ${to.type}` : `(${messageTypeOf(to)})`;
  const read = `${id} ${type} was read at ${readAt}`;
  if (first) {
    const more = recipientCount > 1 ? `. Further recipients: ${recipientCount - 1}` : "";
    return `${read}. For session ${first.session}: ${first.result}${more}`;
  }
  if (isForgotten) {
    return `${read}. Its recipients are no longer known, because there were too many pushes since`;
  }
  if (readAtStart) {
    return `${read}, while this instance started, so it pushed it to nobody. ` +
      "A client that resumes gets it";
  }
  if (!other) return `${read}. No session was subscribed to it`;
  const more = rest.length > 0 ? `. Further sessions: ${rest.length}` : "";
  return `${read}. No session was subscribed to it. Session ${other.session}: ${other.why}${more}`;
}

/** Why there is no message at a position of the log. */
export function notThere(
  { positions, window, losses }: Pick<Stream, "positions" | "window" | "losses">,
  { partition, offset }: { partition: number; offset: number },
): string {
  const position = positions[partition];
  if (position === undefined) return `There is no partition ${partition}`;
  if (offset >= position) {
    return `It has not been read yet: partition ${partition} is read up to offset ${position}`;
  }
  // If that is a cut or another topic, the offset stands for another record since (DEL13).
  const loss = losses.findLast((loss) => concerns(loss, { partition, offset }));
  if (loss?.why === "records set aside") {
    return `It could not be decoded: it was set aside at ${time(loss.at)}`;
  }
  if (loss?.why === "lost by the log") {
    return `It was lost: at ${time(loss.at)}, before it was read, it was no longer in the log`;
  }
  const first = window.first(partition);
  if (offset < first) return `It has left the window, which begins at offset ${first}`;
  return "It is not a message for sessions. It is a logout, or a record without a value, or there " +
    "is no record, or the record could not be used and has left /quarantine";
}

/** What an id has stood for before, as an addition to a sentence; `""` if for nothing else. */
export function earlierRecordOf(
  { losses }: Pick<Stream, "losses">,
  position: { partition: number; offset: number },
): string {
  const loss = losses.findLast((loss) =>
    (loss.why === "log replaced" || loss.why === "log cut back") && concerns(loss, position)
  );
  if (!loss) return "";
  const what = loss.why === "log replaced" ? "the topic was made again" : "the log was cut back";
  return `. Until ${time(loss.at)}, when ${what}, this id may have been another record's`;
}

/** Whether a loss concerns the record that was at a position. */
function concerns(
  { records }: LossReport,
  { partition, offset }: { partition: number; offset: number },
): boolean {
  if (records === null) return true;
  return records.partition === partition && records.from <= offset && offset < records.to;
}

function covers({ from, to }: Span, at: number): boolean {
  return from <= at && (to === undefined || at < to);
}

function isBefore({ to }: Span, at: number): boolean {
  return to !== undefined && to <= at;
}
