/**
 * "Why didn't I get it?": puts together what operators are told at `/why`, from the window, the trace
 * and who is connected. It goes back as far as the window does.
 */
import type { Key } from "../log/addressing.ts";
import type { Entry } from "../log/window.ts";
import { recordId } from "../protocol/frames.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Stream } from "../log/stream.ts";
import {
  briefOf,
  type BriefTarget,
  type Past,
  type Recipient,
  type Step,
  type Trace,
} from "../observe/delivery_trace.ts";
import {
  type History,
  type MessageReport,
  notThere,
  resultOf,
  sentenceOf,
  type Span,
  spanOf,
  time,
  whyNot,
} from "./why_text.ts";

/** The latest messages, and the sessions of one message, that are told of at once. */
const MAX_TOLD = 100;

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
  trace: Pick<Trace, "recipientsOf" | "isForgotten" | "isFilled" | "past">;
  quarantine: Pick<Quarantine, "records">;
}): Why {
  const past = Map.groupBy(trace.past(), ({ session }) => session);
  const since = time(stream.window.knownSince);
  const known = {
    topic,
    /** From when on all is there. */
    since,
    partitions: stream.positions.map((to, partition) => ({
      partition,
      from: stream.window.first(partition),
      to,
    })),
    lost: stream.lost.map(({ at, ...lost }) => ({ ...lost, at: time(at) })),
  };

  function pastOf(session: string): Past[] {
    return past.get(session) ?? [];
  }

  /** What is known of a session, as far as it was this user's. */
  function historyOf(id: string, user: string): History {
    const session = sessions.get(id);
    const own = pastOf(id).filter((past) => past.user === user);
    const end = pastOf(id).find(({ kind }) => kind === "session");
    const logins: Span[] = own.filter((past) => past.kind === "login");
    const subscriptions: History["subscriptions"] = own.filter((past) =>
      past.kind === "subscription"
    );
    if (session?.user === user) {
      logins.push({ from: session.userSince });
      for (const { target, since } of session.subscriptions) {
        subscriptions.push({ target: briefOf(target), from: since });
      }
    }
    const connection = session ? { from: session.connectedAt } : end;
    return { id, connection: connection as Span ?? { from: 0 }, logins, subscriptions };
  }

  function historiesOf(user: string): History[] {
    const ids = new Set<string>();
    for (const [session, all] of past) {
      if (all.some((past) => past.kind === "login" && past.user === user)) ids.add(session);
    }
    for (const { id } of sessions.ofUser(user)) ids.add(id);
    return [...ids].map((id) => historyOf(id, user));
  }

  function userOf(id: string, at: number): string | null {
    const login = pastOf(id).find((past) =>
      past.kind === "login" && past.from <= at && at <= past.to
    );
    if (login) return login.user;
    const session = sessions.get(id);
    return session && session.userSince <= at ? session.user : null;
  }

  /** What became of a message for one recipient, in one step at least. */
  function recipientReport(steps: readonly Step[]): MessageReport["recipients"][number] {
    const last = steps[steps.length - 1] as Step;
    const { session, subscription } = last;
    return {
      session,
      user: userOf(session, last.at),
      subscription,
      result: resultOf(last, {
        later: pastOf(session).filter(({ to }) => to >= last.at),
        isConnected: sessions.get(session) !== undefined,
      }),
      steps: steps.map(({ what, at }) => ({ what, at: time(at) })),
    };
  }

  function report(
    entry: Entry,
    { histories = [], isWanted = () => true }: {
      /** Of the user who is asked about. */
      histories?: readonly History[];
      isWanted?: (recipient: Recipient) => boolean;
    },
  ): MessageReport {
    const { delivery: { to, does }, timestamp, readAt } = entry;
    const { count, steps } = trace.recipientsOf(entry, isWanted, { limit: MAX_TOLD });
    const isForgotten = trace.isForgotten(entry);
    const has = new Set(steps.map(([step]) => step?.session));
    return {
      id: recordId(entry),
      to,
      does,
      publishedAt: time(timestamp),
      readAt: time(readAt),
      readAtStart: trace.isFilled(entry),
      isForgotten,
      recipientCount: count,
      recipients: steps.map(recipientReport),
      others: isForgotten || trace.isFilled(entry) ? [] : histories
        .filter(({ id }) => !has.has(id))
        .slice(-MAX_TOLD)
        .map((history) => ({ session: history.id, why: whyNot(history, entry) })),
    };
  }

  /** What else may have become of a message that is looked for, since then. */
  function elseSince(at: number): string {
    const unusable = quarantine.records.filter(({ readAt }) => readAt >= at).length;
    const isLost = stream.lost.some((lost) => lost.at >= at);
    return (unusable > 0 ? `, or it is one of ${unusable} records in /quarantine` : "") +
      (isLost ? ", or the log has lost it, see `lost`" : "");
  }

  function answerOf(whom: string, entries: readonly Entry[], reports: readonly MessageReport[]) {
    const [entry, last] = [entries.at(-1), reports.at(-1)];
    if (entry && last) {
      const other = elseSince(entry.readAt);
      return `The latest of ${reports.length}: ${sentenceOf(last)}` +
        (other && `. A later one was not published${other}`);
    }
    return `Nothing for ${whom} is among what was read of topic ${topic} since ${since}: ` +
      `it was not published, or not to ${whom}${elseSince(0)}`;
  }

  return {
    ofUser(user) {
      const histories = historiesOf(user);
      const targets = histories.flatMap(({ subscriptions }) => subscriptions)
        .map(({ target }) => target);
      const keys: Key[] = [["user", user], ...targets.flatMap(keysOfBrief)];
      const own = new Set(histories.map(({ id }) => id));
      const entries = stream.window.latestUnder(keys, MAX_TOLD);
      const messages = entries.map((entry) =>
        report(entry, { histories, isWanted: ({ session }) => own.has(session) })
      );
      return {
        answer: answerOf(`user ${user}`, entries, messages),
        known,
        sessions: histories.slice(-MAX_TOLD).map(({ id, connection, logins, subscriptions }) => ({
          id,
          connected: spanOf(connection),
          loggedIn: logins.map(spanOf),
          subscriptions: subscriptions.map(({ target, ...span }) => ({
            ...target,
            ...spanOf(span),
          })),
          resyncs: pastOf(id).filter(({ kind }) => kind === "resync").map(({ to, why }) => ({
            at: time(to),
            why,
          })),
        })),
        messages,
      };
    },

    ofSubscription(id) {
      const live = sessions.subscribers(id);
      const over = [...past.values()].flat().filter((past) =>
        past.kind === "subscription" && past.target.id === id
      );
      const [first] = live;
      const ended = over[0];
      const target = first
        ? briefOf(first.target)
        : ended?.kind === "subscription"
        ? ended.target
        : null;
      const user = first?.target.resource === "notification"
        ? first.target.where.userId
        : ended?.user;
      const keys: Key[] = target ? keysOfBrief(target) : [["subscription", id]];
      if (target?.resource === "notification" && user) keys.push(["user", user]);
      const entries = stream.window.latestUnder(keys, MAX_TOLD);
      const messages = entries.map((entry) =>
        report(entry, { isWanted: ({ subscription }) => subscription === id })
      );
      return {
        answer: answerOf(`subscription ${id}`, entries, messages),
        known,
        target,
        sessionCount: live.length,
        sessions: [
          ...over.map((past) => ({ session: past.session, ...spanOf(past as Past & Span) })),
          ...live.map(({ subscriber, since }) => ({
            session: subscriber.id,
            ...spanOf({ from: since }),
          })),
        ].slice(-MAX_TOLD),
        messages,
      };
    },

    ofRecord({ partition, offset }) {
      const entry = stream.window.entryAt(partition, offset);
      if (entry) {
        const { delivery: { to } } = entry;
        const message = report(entry, { histories: to.by === "user" ? historiesOf(to.user) : [] });
        return { answer: sentenceOf(message), known, message };
      }
      const unusable = quarantine.records.find((record) =>
        record.partition === partition && record.offset === offset
      );
      const answer = unusable
        ? `It is in quarantine: ${unusable.reason}`
        : notThere(stream, { partition, offset });
      return { answer, known, message: null };
    },
  };
}

/** The keys of a target, but the user's. */
function keysOfBrief({ id, resource }: BriefTarget): Key[] {
  return [
    ["subscription", id],
    ...resource === "schedule" ? [["resource", resource] as const] : [],
  ];
}
