/**
 * "Why didn't I get it?": the answers of `/why`, put together from the window, the delivery trace
 * and the sessions. They go back as far as the window does.
 */
import type { Key } from "../log/addressing.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { Stream } from "../log/stream.ts";
import type { LogTrouble } from "../log/trouble.ts";
import type { Entry } from "../log/window.ts";
import type { BriefTarget } from "../observe/deliveries.ts";
import { briefOf, type DeliveryTrace } from "../observe/delivery_trace.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { Histories, type History, type Span } from "./histories.ts";
import { MessageReports } from "./message_reports.ts";
import {
  earlierRecordOf,
  type MessageReport,
  notThere,
  sentenceOf,
  spanOf,
  time,
} from "./why_text.ts";

/** The most messages, and the most sessions, in one answer. If there are more, it has the latest ones. */
const MAX_ITEMS = 100;

/** What {@linkcode Why} looks at. */
export interface WhyOptions {
  readonly topic: string;
  readonly stream: Stream;
  readonly sessions: Pick<Sessions, "get" | "ofUser" | "subscribers">;
  readonly trace: Pick<DeliveryTrace, "recipientsOf" | "isForgotten" | "isFilled" | "past">;
  readonly quarantine: Pick<Quarantine, "records" | "find">;
  readonly trouble: Pick<LogTrouble, "current">;
}

/** Answers one question, as JSON. Make a new one for each question. */
export class Why {
  readonly #options: WhyOptions;
  readonly #histories: Histories;
  readonly #reports: MessageReports;

  constructor(options: WhyOptions) {
    this.#options = options;
    this.#histories = new Histories(options);
    this.#reports = new MessageReports({ ...options, histories: this.#histories });
  }

  /** What became of the messages for a user, for each of the user's sessions. */
  ofUser(user: string): unknown {
    const histories = this.#histories.ofUser(user);
    const targets = histories.flatMap(({ subscriptions }) => subscriptions);
    const keys: Key[] = [["user", user], ...targets.flatMap(({ target }) => keysOfBrief(target))];
    const own = new Set(histories.map(({ id }) => id));
    const entries = this.#options.stream.window.latestUnder(keys, MAX_ITEMS);
    const messages = entries.map((entry) =>
      this.#reports.of(entry, { histories, isWanted: ({ session }) => own.has(session) })
    );
    return {
      answer: this.#answer(`user ${user}`, { entries, messages }),
      known: this.#known(),
      sessions: histories.slice(-MAX_ITEMS).map((history) => this.#sessionReport(history)),
      messages,
    };
  }

  /** What became of the messages for a subscription, by its id, for each session that has it. */
  ofSubscription(id: string): unknown {
    const { sessions, stream } = this.#options;
    const live = sessions.subscribers(id);
    const past = this.#histories.pastSubscriptions(id);
    const [first] = live;
    const target = first ? briefOf(first.target) : past[0]?.target ?? null;
    const user = first?.target.resource === "notification"
      ? first.target.where.userId
      : past[0]?.user;
    const keys: Key[] = target ? keysOfBrief(target) : [["subscription", id]];
    if (target?.resource === "notification" && user) keys.push(["user", user]);
    const entries = stream.window.latestUnder(keys, MAX_ITEMS);
    const messages = entries.map((entry) =>
      this.#reports.of(entry, { isWanted: ({ subscription }) => subscription === id })
    );
    const spans: (Span & { session: string })[] = [
      ...past,
      ...live.map(({ subscriber, since }) => ({ session: subscriber.id, from: since })),
    ];
    return {
      answer: this.#answer(`subscription ${id}`, { entries, messages }),
      known: this.#known(),
      target,
      sessionCount: live.length,
      sessions: spans.slice(-MAX_ITEMS).map((span) => ({ session: span.session, ...spanOf(span) })),
      messages,
    };
  }

  /** What became of one record. */
  ofRecord(position: { partition: number; offset: number }): unknown {
    const { stream } = this.#options;
    const { partition, offset } = position;
    const known = this.#known();
    const earlier = earlierRecordOf(stream, position);
    const entry = stream.window.entryAt(partition, offset);
    if (entry) {
      const { delivery: { to } } = entry;
      const histories = to.by === "user" ? this.#histories.ofUser(to.user) : [];
      const message = this.#reports.of(entry, { histories });
      return { answer: sentenceOf(message) + earlier, known, message };
    }
    const unusable = this.#options.quarantine.find(position);
    const answer = unusable && unusable.goneBecause === null
      ? `It is in quarantine: ${unusable.reason}`
      : notThere(stream, position);
    return { answer: answer + earlier, known, message: null };
  }

  /** What part of the log the answers cover. */
  #known() {
    const { topic, stream, trouble: { current } } = this.#options;
    return {
      topic,
      topicId: stream.topicId,
      trouble: current && { ...current, since: time(current.since) },
      since: time(stream.window.knownSince),
      partitions: stream.positions.map((to, partition) => ({
        partition,
        from: stream.window.first(partition),
        to,
      })),
      lost: stream.losses.map(({ why, records, at }) => ({ why, ...records, at: time(at) })),
    };
  }

  #sessionReport({ id, connection, logins, subscriptions }: History) {
    return {
      id,
      connected: spanOf(connection),
      loggedIn: logins.map(spanOf),
      subscriptions: subscriptions.map(({ target, ...span }) => ({ ...target, ...spanOf(span) })),
      resyncs: this.#histories.pastOf(id).filter(({ kind }) => kind === "resync")
        .map(({ to, why }) => ({ at: time(to), why })),
    };
  }

  #answer(
    recipient: string,
    { entries, messages }: { entries: readonly Entry[]; messages: readonly MessageReport[] },
  ): string {
    const entry = entries.at(-1);
    const message = messages.at(-1);
    if (entry && message) {
      const other = this.#otherCauses(entry.readAt);
      return `The latest of ${messages.length}: ${sentenceOf(message)}` +
        (other && `. A later one was not published${other}`);
    }
    const { topic, stream: { window } } = this.#options;
    return `Since ${
      time(window.knownSince)
    }, nothing for ${recipient} was read from topic ${topic}: ` +
      `it was not published, or it was not for ${recipient}${this.#otherCauses(0)}`;
  }

  /** What else may have become of a missing message since a time in milliseconds since 1970. */
  #otherCauses(since: number): string {
    const { stream, quarantine, trouble } = this.#options;
    const unusable = quarantine.records.filter(({ readAt }) => readAt >= since).length;
    const isLost = stream.losses.some((lost) => lost.at >= since);
    return (unusable > 0 ? `, or it could not be used (${unusable} in /quarantine)` : "") +
      (isLost ? ", or the log has lost it (see `lost`)" : "") +
      (trouble.current ? `, or it was not read yet: ${trouble.current.text}` : "");
  }
}

/** The keys of a target, except its user's. */
function keysOfBrief({ id, resource }: BriefTarget): Key[] {
  return [
    ["subscription", id],
    ...resource === "schedule" ? [["resource", resource] as const] : [],
  ];
}
