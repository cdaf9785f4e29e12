/**
 * "Why didn't I get it?": puts together what operators are told at `/why`, from the window, the trace
 * and who is connected. It goes back as far as the window does.
 */
import { type Addressees, keysOfTarget, messageTypeOf } from "./addressing.ts";
import type { Entry } from "./log_window.ts";
import { recordId } from "./protocol.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { Stream } from "./stream.ts";
import type { Target } from "./subscription_id.ts";
import type { Past, Step, Trace, What } from "./trace.ts";

/** The latest messages, and the sessions of one message, that are told of at once. */
const MAX_TOLD = 100;

/** A time as people read it, ISO 8601. */
type Time = string;

/** From when to when; without `to` until now. */
interface Span {
  readonly from: number;
  readonly to?: number;
  readonly why?: string;
}

/** A session that is, or was, the user's. */
interface History {
  readonly id: string;
  readonly connection: Span;
  readonly logins: Span[];
  readonly subscriptions: (Span & { readonly target: Target })[];
}

/** What became of a message for one subscription. */
export interface RecipientReport {
  readonly session: string;
  readonly user: string | null;
  readonly subscription: string;
  /** What it came to. */
  readonly result: string;
  readonly steps: { readonly what: What; readonly at: Time }[];
}

/** What became of a message. */
export interface MessageReport {
  readonly id: string;
  readonly to: Addressees;
  readonly does: "update" | "reload";
  readonly publishedAt: Time;
  readonly readAt: Time;
  /** At most 100 of them. */
  readonly recipients: RecipientReport[];
  readonly recipientCount: number;
  /** The user's other sessions, where it is for a user, and why they did not get it. */
  readonly others: { readonly session: string; readonly why: string }[];
}

/** Answers, as JSON can hold them. */
export interface Why {
  ofUser(user: string): unknown;
  ofSubscription(id: string): unknown;
  ofRecord(place: { partition: number; offset: number }): unknown;
}

/** Makes a {@linkcode Why} that knows what is over by now; to be made for each question. */
export function createWhy({ topic, stream, sessions, trace, quarantine }: {
  topic: string;
  stream: Stream;
  sessions: Pick<Sessions, "get" | "ofUser" | "subscribers">;
  trace: Pick<Trace, "stepsOf" | "past">;
  quarantine: Pick<Quarantine, "records">;
}): Why {
  const past = Map.groupBy(trace.past(), ({ session }) => session);

  function known() {
    const { positions, window } = stream;
    return {
      topic,
      since: time(window.knownSince),
      partitions: positions.map((to, partition) => ({
        partition,
        from: window.first(partition),
        to,
      })),
    };
  }

  function pastOf(session: string): Past[] {
    return past.get(session) ?? [];
  }

  /** What is known of a session, as far as it was this user's. */
  function historyOf(id: string, user: string): History {
    const logins: Span[] = [];
    const subscriptions: History["subscriptions"] = [];
    let connection: Span = { from: 0 };
    for (const past of pastOf(id)) {
      if (past.kind === "session") connection = past;
      else if (past.kind === "login" && past.user === user) logins.push(past);
      else if (past.kind === "subscription" && past.user === user) subscriptions.push(past);
    }
    const session = sessions.get(id);
    if (session) {
      connection = { from: session.connectedAt };
      if (session.user === user) {
        logins.push({ from: session.userSince });
        for (const { target, since } of session.subscriptions) {
          subscriptions.push({ target, from: since });
        }
      }
    }
    return { id, connection, logins, subscriptions };
  }

  function historiesOf(user: string): History[] {
    const ids = new Set(sessions.ofUser(user).map(({ id }) => id));
    for (const past of trace.past()) {
      if (past.kind === "login" && past.user === user) ids.add(past.session);
    }
    return [...ids].map((id) => historyOf(id, user));
  }

  /** What it came to, seen from now. */
  function resultOf(session: string, subscription: string, last: { what: What; at: number }) {
    const later = pastOf(session).filter(({ to }) => to >= last.at);
    const end = later.find(({ kind }) => kind === "session");
    const isOut = last.what === "sent" || last.what === "caught up" || last.what === "reloaded";
    if (isOut) {
      return end ? `${last.what}; the connection ended at ${time(end.to)}: ${end.why}` : last.what;
    }
    const resync = later.find((past) =>
      past.kind === "resync" && past.subscription === subscription
    );
    if (resync) return `told to begin anew at ${time(resync.to)}: ${resync.why}`;
    const over = later.find((past) =>
      past.kind === "subscription" && past.target.id === subscription
    );
    if (over) return `not sent: the subscription ended at ${time(over.to)}: ${over.why}`;
    return last.what === "in a later list" ? last.what : `not sent yet: ${last.what}`;
  }

  function userOf(session: string, at: number): string | null {
    const login = pastOf(session).find((past) =>
      past.kind === "login" && past.from <= at && at <= past.to
    );
    if (login?.kind === "login") return login.user;
    return sessions.get(session)?.user ?? null;
  }

  /** One recipient's steps, of which there is one at least. */
  function recipientOf(steps: readonly Step[]): RecipientReport {
    const { session, subscription, ...last } = steps[steps.length - 1] as Step;
    return {
      session,
      user: userOf(session, last.at),
      subscription,
      result: resultOf(session, subscription, last),
      steps: steps.map(({ what, at }) => ({ what, at: time(at) })),
    };
  }

  function report(entry: Entry, histories: readonly History[]): MessageReport {
    const { delivery: { to, does }, timestamp, readAt } = entry;
    const steps = trace.stepsOf(entry);
    const reached = new Set(steps.map(({ session }) => session));
    const recipients = Map.groupBy(
      steps,
      ({ session, subscription }) => `${session} ${subscription}`,
    );
    return {
      id: recordId(entry),
      to,
      does,
      publishedAt: time(timestamp),
      readAt: time(readAt),
      recipients: recipients.values().take(MAX_TOLD).map(recipientOf).toArray(),
      recipientCount: recipients.size,
      others: to.by !== "user" ? [] : histories
        .filter(({ id }) => !reached.has(id))
        .slice(0, MAX_TOLD)
        .map((history) => ({ session: history.id, why: whyNot(history, entry) })),
    };
  }

  function reportAll(keys: ReadonlySet<string>, histories: readonly History[]): MessageReport[] {
    const entries = stream.window.entriesUnder(keys).toArray();
    return entries.slice(-MAX_TOLD).map((entry) => report(entry, histories));
  }

  return {
    ofUser(user) {
      const histories = historiesOf(user);
      const keys = new Set([`user ${user}`]);
      for (const { subscriptions } of histories) {
        for (const { target } of subscriptions) {
          keysOfTarget(target).forEach((key) => keys.add(key));
        }
      }
      const messages = reportAll(keys, histories);
      return {
        answer: answerOf({
          user,
          messages,
          known: known(),
          quarantined: quarantine.records.length,
        }),
        known: known(),
        sessions: histories.slice(-MAX_TOLD).map((history) => ({
          id: history.id,
          connected: span(history.connection),
          loggedIn: history.logins.map(span),
          subscriptions: history.subscriptions.map(({ target, ...rest }) => ({
            ...target,
            ...span(rest),
          })),
        })),
        messages,
      };
    },

    ofSubscription(id) {
      const live = sessions.subscribers(id);
      const over = trace.past().filter((past) =>
        past.kind === "subscription" && past.target.id === id
      ).toArray();
      const target = live[0]?.target ??
        over.flatMap((past) => "target" in past ? past.target : [])[0];
      const keys = new Set(target ? keysOfTarget(target) : [`id ${id}`]);
      return {
        known: known(),
        target: target ?? null,
        sessions: [
          ...over.map((past) => ({ session: past.session, ...span({ from: 0, ...past }) })),
          ...live.map(({ subscriber, since }) => ({
            session: subscriber.id,
            ...span({ from: since }),
          })),
        ].slice(-MAX_TOLD),
        sessionCount: live.length,
        messages: reportAll(keys, []).map(({ recipients, ...message }) => ({
          ...message,
          recipients: recipients.filter(({ subscription }) => subscription === id),
        })),
      };
    },

    ofRecord({ partition, offset }) {
      const entry = stream.window.entryAt(partition, offset);
      const to = entry?.delivery.to;
      const message = entry && report(entry, to?.by === "user" ? historiesOf(to.user) : []);
      const unusable = quarantine.records.find((record) =>
        record.partition === partition && record.offset === offset
      );
      const answer = message
        ? sentenceOf(message)
        : unusable
        ? `It is in quarantine: ${unusable.reason}`
        : notThere(stream, { partition, offset });
      return { answer, known: known(), message: message ?? null };
    },
  };
}

/** Why a session that was the user's at some time is not among those that a message was for. */
function whyNot({ connection, logins, subscriptions }: History, entry: Entry): string {
  const at = entry.readAt;
  if (connection.to !== undefined && connection.to <= at) {
    return `not connected: it had ended at ${time(connection.to)}: ${connection.why}`;
  }
  if (connection.from > at) return `not connected: it came later, at ${time(connection.from)}`;
  if (!logins.some((login) => covers(login, at))) {
    const before = logins.findLast(({ to }) => to !== undefined && to <= at);
    return before
      ? `not the user's any more since ${time(before.to ?? 0)}: ${before.why}`
      : `not the user's yet: the login was at ${time(logins[0]?.from ?? 0)}`;
  }
  const others = subscriptions.filter((subscription) => covers(subscription, at));
  const types = others.flatMap(({ target }) =>
    target.resource === "notification" ? target.where.types : []
  );
  if (types.length > 0) return `subscribed to other types only: ${types.join(", ")}`;
  const before = subscriptions.findLast(({ to }) => to !== undefined && to <= at);
  if (before) return `no subscription any more since ${time(before.to ?? 0)}: ${before.why}`;
  const later = subscriptions.find(({ from }) => from >= at);
  if (later) return `no subscription yet: it subscribed at ${time(later.from)}, with a list`;
  return "no subscription";
}

function answerOf({ user, messages, known, quarantined }: {
  user: string;
  messages: readonly MessageReport[];
  known: { topic: string; since: Time };
  quarantined: number;
}): string {
  const { topic, since } = known;
  const last = messages.at(-1);
  if (last) return `The latest of ${messages.length}: ${sentenceOf(last)}`;
  return `Nothing for user ${user} is among what was read of topic ${topic} ` +
    `since ${since}: it was not published, or not to this user` +
    (quarantined > 0 ? `, or it is one of ${quarantined} records in /quarantine` : "");
}

function sentenceOf(
  { id, to, readAt, recipients: [first], recipientCount, others: [other, ...rest] }: MessageReport,
): string {
  const type = to.by === "user" ? `, of type ${to.type},` : ` (${messageTypeOf(to)})`;
  const read = `${id}${type} was read at ${readAt}`;
  if (first) {
    const more = recipientCount > 1 ? `, and ${recipientCount - 1} more` : "";
    return `${read}: ${first.result}, to session ${first.session}${more}`;
  }
  if (!other) return `${read}: no session was subscribed to it`;
  const more = rest.length > 0 ? `, and ${rest.length} more` : "";
  return `${read}, no session was subscribed to it: session ${other.session}, ${other.why}${more}`;
}

function notThere(
  { positions, window }: Stream,
  { partition, offset }: { partition: number; offset: number },
): string {
  const position = positions[partition];
  if (position === undefined) return `There is no partition ${partition}`;
  if (offset >= position) {
    return `It is not read yet: partition ${partition} is read up to ${position}`;
  }
  const first = window.first(partition);
  if (offset < first) return `It has left the window, which begins at ${first}`;
  return "It was read and is for nobody: a logout, or a record without a value";
}

function covers({ from, to }: Span, at: number): boolean {
  return from <= at && (to === undefined || at < to);
}

function span({ from, to, why }: Span) {
  return {
    ...(from > 0 ? { from: time(from) } : {}),
    ...(to === undefined ? {} : { to: time(to), why }),
  };
}

function time(ms: number): Time {
  return new Date(ms).toISOString();
}

/** A session as `/sessions` tells of it. */
export function sessionReport(session: Session) {
  return {
    id: session.id,
    user: session.user,
    endpoint: session.endpoint,
    ageSeconds: Math.round((Date.now() - session.connectedAt) / 1000),
    unsentBytes: session.outbox.unsentBytes,
    isBehind: session.outbox.isBehind,
    subscriptions: [...session.subscriptions].map(({ target, since, isLive }) => ({
      ...target,
      since: time(since),
      state: isLive ? "live" : "catching up",
    })),
  };
}
