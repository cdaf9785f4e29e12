/**
 * What `/why` says in words.
 */
import { type Addressees, messageTypeOf, namesOf } from "../log/addressing.ts";
import type { Entry } from "../log/window.ts";
import type { Stream } from "../log/stream.ts";
import type { BriefTarget, Past, Step } from "../observe/delivery_trace.ts";

/** A time as people read it, ISO 8601. */
export type Time = string;

/** From when to when, in milliseconds since 1970; without `to` until now. */
export interface Span {
  readonly from: number;
  readonly to?: number;
  readonly why?: string;
}

/** A session that is, or was, a user's. */
export interface History {
  readonly id: string;
  readonly connection: Span;
  readonly logins: Span[];
  readonly subscriptions: (Span & { readonly target: BriefTarget })[];
}

/** What became of a message. */
export interface MessageReport {
  readonly id: string;
  readonly to: Addressees;
  readonly does: "update" | "reload";
  readonly publishedAt: Time;
  readonly readAt: Time;
  /** It was read as the instance started, and pushed to nobody; clients resume it. */
  readonly readAtStart: boolean;
  /** Who got it is not known any more: there were too many pushes since. */
  readonly isForgotten: boolean;
  /** How many there are; told of are the first 100. */
  readonly recipientCount: number;
  readonly recipients: {
    readonly session: string;
    readonly user: string | null;
    readonly subscription: string;
    /** What it came to. */
    readonly result: string;
    readonly steps: { readonly what: string; readonly at: Time }[];
  }[];
  /** Other sessions of the user, and why they did not get it. */
  readonly others: { readonly session: string; readonly why: string }[];
}

/** Writes a time, given in milliseconds since 1970. */
export function time(ms: number): Time {
  return new Date(ms).toISOString();
}

/** Writes a span. */
export function spanOf({ from, to, why }: Span) {
  return { from: time(from), ...(to === undefined ? {} : { to: time(to), why }) };
}

/** What a message has come to for a recipient, by its last step and what was over later. */
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
      return isConnected ? what : `${what}; the session is gone`;
    case "in a later list":
    case "the client has it already":
      return what;
  }
  const resync = later.find((past) => past.kind === "resync" && past.subscription === subscription);
  if (resync) return `began anew at ${time(resync.to)}: ${resync.why}`;
  const over = later.find((past) =>
    past.kind === "subscription" && past.target.id === subscription
  );
  if (over) return `not sent: the subscription ended at ${time(over.to)}: ${over.why}`;
  return isConnected ? `not sent yet: ${what}` : "not sent: the session is gone";
}

/** Why a session that was the user's at some time is not among those that got a message. */
export function whyNot({ connection, logins, subscriptions }: History, entry: Entry): string {
  const { readAt: at, delivery: { to } } = entry;
  if (connection.to !== undefined && connection.to <= at) {
    return `not connected: it had ended at ${time(connection.to)}: ${connection.why}`;
  }
  if (connection.from > at) return `not connected: it came later, at ${time(connection.from)}`;
  if (!logins.some((login) => covers(login, at))) {
    const before = logins.findLast((login) => isBefore(login, at));
    return before
      ? `not the user's any more since ${time(before.to ?? 0)}: ${before.why}`
      : `not the user's yet: the login was at ${time(logins[0]?.from ?? 0)}`;
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
      ? "subscribed to it, in the same millisecond"
      : `subscribed to other types only: ${types.join(", ")}`;
  }
  const before = concerned.findLast((subscription) => isBefore(subscription, at));
  if (before) return `no subscription any more since ${time(before.to ?? 0)}: ${before.why}`;
  const later = concerned.find(({ from }) => from >= at);
  if (later) return `no subscription yet: it subscribed at ${time(later.from)}, with a list`;
  return "no subscription to it";
}

/** A message and what became of it, in a sentence. */
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
  const type = to.by === "user" ? `, of type ${to.type},` : ` (${messageTypeOf(to)})`;
  const read = `${id}${type} was read at ${readAt}`;
  if (first) {
    const more = recipientCount > 1 ? `, and ${recipientCount - 1} more` : "";
    return `${read}: ${first.result}, to session ${first.session}${more}`;
  }
  if (isForgotten) {
    return `${read}; what became of it is forgotten, there were too many pushes since`;
  }
  if (readAtStart) {
    return `${read}, as this instance started, and pushed to nobody here: who comes resumes it`;
  }
  if (!other) return `${read}: no session was subscribed to it`;
  const more = rest.length > 0 ? `, and ${rest.length} more` : "";
  return `${read}, no session was subscribed to it: session ${other.session}, ${other.why}${more}`;
}

/** Why there is no message at a place of the log. */
export function notThere(
  { positions, window, lost }: Stream,
  { partition, offset }: { partition: number; offset: number },
): string {
  const position = positions[partition];
  if (position === undefined) return `There is no partition ${partition}`;
  if (offset >= position) {
    return `It is not read yet: partition ${partition} is read up to ${position}`;
  }
  const loss = lost.find((lost) =>
    lost.partition === partition && lost.from <= offset && offset < lost.to
  );
  if (loss) {
    return `It was lost: at ${time(loss.at)} the log had it no more, and it was not read yet`;
  }
  const first = window.first(partition);
  if (offset < first) return `It has left the window, which begins at ${first}`;
  return "It is no message for sessions: a logout, no value, no record at all, or one that could " +
    "not be used and has left /quarantine";
}

function covers({ from, to }: Span, at: number): boolean {
  return from <= at && (to === undefined || at < to);
}

function isBefore({ to }: Span, at: number): boolean {
  return to !== undefined && to <= at;
}
