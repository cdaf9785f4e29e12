/**
 * "Why didn't I get it?": the answers of `/why`, put together from the window, the delivery trace
 * and the sessions. They go back as far as the window does.
 */
import type { Key } from "../log/addressing.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { Stream } from "../log/stream.ts";
import type { LogTrouble } from "../log/trouble.ts";
import type { Entry } from "../log/window.ts";
import type { BriefTarget, Past } from "../observe/deliveries.ts";
import { briefOf, type DeliveryTrace } from "../observe/delivery_trace.ts";
import { isOfUser } from "../protocol/target.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { ITEM_DEPTH, listPieces, objectPieces, toJson } from "./http/json.ts";
import { latestOf } from "./http/lists.ts";
import { forMany, type Pieces } from "./http/pieces.ts";
import { Histories, type History, type Span } from "./histories.ts";
import { MessageReports } from "./message_reports.ts";
import {
  earlierRecordOf,
  type MessageReport,
  notThere,
  sentenceOf,
  shorten,
  spanOf,
  time,
} from "./why_text.ts";

/** The most items of a list that has no limit of its own. If there are more, it has the latest ones. */
const MAX_ITEMS = 100;
/** The most partitions in one answer. */
const MAX_PARTITIONS = 1000;

/** What {@linkcode Why} looks at. */
export interface WhyOptions {
  readonly topic: string;
  readonly stream: Stream;
  readonly sessions: Pick<Sessions, "get" | "ofUser" | "subscribers">;
  readonly trace: Pick<DeliveryTrace, "recipientsOf" | "isForgotten" | "isFilled" | "past">;
  readonly quarantine: Pick<Quarantine, "records" | "find">;
  readonly trouble: Pick<LogTrouble, "current">;
}

/** The messages of an answer. */
interface Messages {
  /** The latest one that the window has. */
  readonly latest: { readonly entry: Entry; readonly report: MessageReport } | undefined;
  /** The JSON of each message, the oldest first. */
  readonly texts: readonly string[];
  /** The path of a request for those that were left out; `null` if none were. */
  readonly next: string | null;
}

/** Which messages an answer has. */
export interface Page {
  /** The most messages. */
  readonly limit: number;
  /** Only those before this `seq`. */
  readonly before: number;
  /** The path of a request for those before a `seq`. */
  readonly path: (before: string) => string;
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
  *ofUser(user: string, page: Page): Pieces {
    yield* this.#histories.load();
    const { histories, count } = yield* this.#histories.ofUser(user, MAX_ITEMS);
    const targets = histories.flatMap(({ subscriptions }) => subscriptions);
    const keys: Key[] = [["user", user], ...targets.flatMap(({ target }) => keysOfBrief(target))];
    const own = new Set(histories.map(({ id }) => id));
    const messages = yield* this.#messages(
      keys,
      (entry) =>
        this.#reports.of(entry, { histories, isWanted: ({ session }) => own.has(session) }),
      page,
    );
    const sessions = yield* latestOf(histories, {
      limit: MAX_ITEMS,
      write: (history) => this.#writeSession(history),
    });
    yield* objectPieces({
      answer: this.#answer(`user ${shorten(user)}`, messages),
      known: this.#known(),
      sessionCount: count,
      sessions: listPieces(sessions.texts),
      messages: listPieces(messages.texts),
      next: messages.next,
    });
  }

  /** What became of the messages for a subscription, by its id, for each session that has it. */
  *ofSubscription(id: string, page: Page): Pieces {
    yield* this.#histories.load();
    const { sessions } = this.#options;
    const live = sessions.subscribers(id);
    const past = yield* this.#histories.pastSubscriptions(id);
    const [first] = live;
    const target = first ? briefOf(first.target) : past[0]?.target ?? null;
    const user = first && isOfUser(first.target) ? first.target.where.userId : past[0]?.user;
    const keys: Key[] = target ? keysOfBrief(target) : [["subscription", id]];
    if (target && target.resource !== "schedule" && user) keys.push(["user", user]);
    const messages = yield* this.#messages(
      keys,
      (entry) => this.#reports.of(entry, { isWanted: ({ subscription }) => subscription === id }),
      page,
    );
    const spans: (Span & { session: string })[] = [
      ...past.slice(-MAX_ITEMS),
      ...live.slice(-MAX_ITEMS)
        .map(({ subscriber, since }) => ({ session: subscriber.id, from: since })),
    ];
    yield* objectPieces({
      answer: this.#answer(`subscription ${shorten(id)}`, messages),
      known: this.#known(),
      target,
      sessionCount: live.length,
      sessions: spans.slice(-MAX_ITEMS)
        .map((span) => ({ session: span.session, ...spanOf(span) })),
      messages: listPieces(messages.texts),
      next: messages.next,
    });
  }

  /**
   * What became of one record.
   *
   * @param session If given, only for the session with this id
   */
  *ofRecord(position: { partition: number; offset: number }, session: string | null): Pieces {
    const { stream } = this.#options;
    const { partition, offset } = position;
    yield* this.#histories.load();
    const to = stream.window.entryAt(partition, offset)?.delivery.to;
    const { histories } = to?.by === "user"
      ? yield* this.#histories.ofUser(to.user, MAX_ITEMS)
      : { histories: [] };
    const known = this.#known();
    const earlier = earlierRecordOf(stream, position);
    const entry = stream.window.entryAt(partition, offset);
    if (entry) {
      const message = yield* this.#reports.of(entry, {
        histories: histories.filter(({ id }) => session === null || id === session),
        isWanted: (recipient) => session === null || recipient.session === session,
      });
      return yield* objectPieces({ answer: sentenceOf(message) + earlier, known, message });
    }
    const unusable = this.#options.quarantine.find(position);
    const answer = unusable && unusable.goneBecause === null
      ? `It is in quarantine: ${unusable.reason}`
      : notThere(stream, position);
    yield* objectPieces({ answer: answer + earlier, known, message: null });
  }

  /** The reports of the latest messages under these keys. */
  *#messages(
    keys: readonly Key[],
    report: (entry: Entry) => Pieces<MessageReport>,
    { limit, before, path }: Page,
  ): Pieces<Messages> {
    const { window } = this.#options.stream;
    const entries = window.latestUnder(keys, { count: limit + 1, before });
    let latest: Messages["latest"];
    const { texts, cutAt } = yield* latestOf(entries, {
      limit,
      *write(entry) {
        const made = yield* report(entry);
        // Else it has left the window meanwhile, and what became of it was forgotten.
        if (entry.seq < window.firstSeq) return null;
        latest ??= { entry, report: made };
        return toJson(made, ITEM_DEPTH);
      },
    });
    return { latest, texts, next: cutAt ? path(String(cutAt.seq)) : null };
  }

  /** What part of the log the answers cover. */
  #known() {
    const { topic, stream, trouble: { current } } = this.#options;
    return {
      topic,
      topicId: stream.topicId,
      trouble: current && { ...current, since: time(current.since) },
      since: time(stream.window.knownSince),
      partitionCount: stream.positions.length,
      partitions: stream.positions.slice(0, MAX_PARTITIONS).map((to, partition) => ({
        partition,
        from: stream.window.first(partition),
        to,
      })),
      lost: stream.losses.map(({ why, records, at }) => ({ why, ...records, at: time(at) })),
    };
  }

  *#writeSession({ id, connection, logins, subscriptions }: History): Pieces<string> {
    const resyncs: Past[] = [];
    yield* forMany(this.#histories.pastOf(id), (past) => {
      if (past.kind === "resync") resyncs.push(past);
    });
    return toJson({
      id,
      connected: spanOf(connection),
      loginCount: logins.length,
      loggedIn: logins.slice(-MAX_ITEMS).map(spanOf),
      subscriptionCount: subscriptions.length,
      subscriptions: subscriptions.slice(-MAX_ITEMS)
        .map(({ target, ...span }) => ({ ...target, ...spanOf(span) })),
      resyncCount: resyncs.length,
      resyncs: resyncs.slice(-MAX_ITEMS).map(({ to, why }) => ({ at: time(to), why })),
    }, ITEM_DEPTH);
  }

  #answer(recipient: string, { latest, texts }: Messages): string {
    if (latest) {
      const other = this.#otherCauses(latest.entry.readAt);
      return `The latest of ${texts.length}: ${sentenceOf(latest.report)}` +
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
