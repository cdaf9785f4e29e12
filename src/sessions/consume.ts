/**
 * A record's way from the reader into the service: it is parsed, added to the stream or the
 * quarantine, and delivered to the sessions. Breaks in the log come the same way.
 */
import { getLogger } from "@logtape/logtape";
import type { FanOut } from "./fan_out.ts";
import type { Freshness } from "../log/freshness.ts";
import { type MessageType, messageTypeOf } from "../log/addressing.ts";
import type { Loss } from "../log/loss.ts";
import type { Ends, LogEvents, LogRecord, Trouble } from "../log/reader.ts";
import type { LogTrouble } from "../log/trouble.ts";
import type { Read } from "../log/window.ts";
import { MAX_TIME_MS } from "../log/cursor.ts";
import { type Message, parseMessage } from "../log/message.ts";
import type { Metrics, Series } from "../observe/metrics.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { Sessions } from "./sessions.ts";
import type { Stream } from "../log/stream.ts";
import type { Tokens } from "../backend/tokens.ts";
import type { DeliveryTrace } from "../observe/delivery_trace.ts";
import { recordPushSpan } from "../observe/spans.ts";
import { Throttle } from "../util/throttle.ts";

const logger = getLogger(["wss", "messages"]);

/** Milliseconds from one `resync` of all subscriptions for records that were set aside to the next. */
const RESYNC_MS = 10_000;

/** What {@linkcode RecordHandler} needs. */
export interface RecordHandlerOptions {
  readonly topic: string;
  readonly stream: Stream;
  readonly sessions: Pick<Sessions, "deliver" | "revoke" | "lose" | "owe" | "settle">;
  readonly fanOut: Pick<FanOut, "finish" | "finishing">;
  readonly tokens: Pick<Tokens, "forget">;
  readonly quarantine: Pick<Quarantine, "add" | "noteCopy" | "noteGone">;
  readonly freshness: Pick<Freshness, "tell" | "forgetEnds" | "reset">;
  readonly trouble: Pick<LogTrouble, "tell">;
  readonly trace: Pick<DeliveryTrace, "trim">;
  readonly metrics: Pick<Metrics, "records" | "quarantined">;
  /** Called when the positions have changed, after the record was handled. */
  readonly onRead: () => void;
}

/** Handles the records of the log. The reader calls it. */
export class RecordHandler implements LogEvents {
  readonly #options: RecordHandlerOptions;
  readonly #resyncs = new Throttle({ periodMs: RESYNC_MS, work: () => void this.#resyncAll() });

  /** The records that have a message, by its type. */
  readonly #records: Readonly<Record<MessageType | "logout", Series>>;

  constructor(options: RecordHandlerOptions) {
    this.#options = options;
    const { records } = options.metrics;
    this.#records = {
      notification: records.series({ type: "notification" }),
      update_subscription: records.series({ type: "update_subscription" }),
      logout: records.series({ type: "logout" }),
    };
  }

  onTopic({ id }: { readonly id: string | null }): void {
    const { fanOut, freshness, quarantine, stream, topic } = this.#options;
    fanOut.finish();
    const { topicId: before } = stream;
    const loss = stream.begin(id);
    if (!loss) return;
    logger.error(
      "Topic {topic} is another one: its id was {before} and is {id}. Reading continues with the new " +
        "topic, and all clients are told to ask for their lists",
      { topic, before, id },
    );
    freshness.reset(Date.now());
    quarantine.noteGone("the topic was made again");
    this.#lose(loss);
  }

  onPartition(partition: number, start: { first: number; position: number }): void {
    this.#options.stream.open(partition, start);
  }

  onRecord(record: LogRecord): Promise<void> | undefined {
    const now = Date.now();
    const revoking = this.#handle(record, now);
    this.#trim(now);
    this.#options.onRead();
    return revoking ?? this.#options.fanOut.finishing;
  }

  onPosition(partition: number, position: number): void {
    this.#options.stream.advance(partition, position);
    this.#options.onRead();
  }

  onEnds(ends: Ends): void {
    this.#options.freshness.tell(ends);
    this.#trim(Date.now());
  }

  onLost(partition: number, position: number): void {
    logger.error(
      "The log no longer has the records of partition {partition} before {position}: " +
        "reading continues there",
      { partition, position },
    );
    const { fanOut, stream } = this.#options;
    // Before the window is emptied: the record in delivery was not lost.
    fanOut.finish();
    this.#lose(stream.jump(partition, position));
  }

  onCut(partition: number, position: number): void {
    const { fanOut, freshness, quarantine, stream } = this.#options;
    fanOut.finish();
    logger.error(
      "The log of partition {partition} was cut back from {before} to {position}, such as by an " +
        "unclean leader election: reading continues there, and all clients are told to ask for their lists",
      { partition, before: stream.positions[partition], position },
    );
    freshness.forgetEnds(partition);
    quarantine.noteGone("the log was cut back in front of it", { partition, from: position });
    this.#lose(stream.cut(partition, position));
  }

  onSetAside(
    partition: number,
    { from, to, reason }: { readonly from: number; readonly to: number; readonly reason: string },
  ): void {
    const { fanOut, metrics, quarantine, sessions, stream } = this.#options;
    fanOut.finish();
    metrics.records.inc({ type: "unusable" }, to - from);
    metrics.quarantined.inc({ reason: "not_decoded" }, to - from);
    quarantine.add({
      partition,
      offset: from,
      until: to,
      timestamp: null,
      readAt: Date.now(),
      reason,
    });
    sessions.owe(stream.setAside(partition, { from, to }));
    this.#resyncs.ask();
    this.#options.onRead();
  }

  onTrouble(trouble: Trouble | null): void {
    this.#options.trouble.tell(trouble);
  }

  /** Ends what waits. */
  stop(): void {
    this.#resyncs.stop();
  }

  #lose(loss: Loss): void {
    const { sessions, onRead } = this.#options;
    sessions.lose(loss);
    this.#trim(Date.now());
    onRead();
  }

  /** Tells the clients of records that were set aside since the last time. */
  async #resyncAll(): Promise<void> {
    const { sessions, stream } = this.#options;
    if (!await sessions.settle(stream.breakHere("records set aside"))) this.#resyncs.ask();
  }

  /** Handles a record. If it logs sessions out, it returns a promise, for which the next record must wait. */
  #handle(record: LogRecord, readAt: number): Promise<void> | undefined {
    const { topic, stream, sessions, fanOut, tokens, quarantine } = this.#options;
    const { partition, offset, value, headers } = record;
    // A producer may set any timestamp. All instances must take the same, whenever they read it (DEL13).
    const timestamp = Math.min(Math.max(0, record.timestamp), MAX_TIME_MS);
    const read = { partition, offset, timestamp, readAt };
    const message = this.#messageOf(value, read);
    if (headers?.replays !== undefined && value) {
      quarantine.noteCopy(headers.replays, { partition, offset, value });
    }
    // Before the positions change: a subscription that leaves the live end takes its place there.
    fanOut.finish();
    if (message === "set aside") {
      sessions.owe(stream.setAside(partition, { from: offset, to: offset + 1 }));
      this.#resyncs.ask();
      return undefined;
    }
    if (message?.does === "logout") {
      stream.read(read, null);
      tokens.forget(message.user, Math.min(timestamp, readAt));
      return sessions.revoke(message.user);
    }
    const entry = stream.read(read, message);
    const subscriptions = entry ? sessions.deliver(entry) : 0;
    if (subscriptions === 0) return undefined;
    const traceparent = headers?.traceparent;
    const pushed = { topic, partition, offset, readAt, traceparent, subscriptions };
    const { finishing } = fanOut;
    if (finishing) finishing.then(() => recordPushSpan(pushed));
    else recordPushSpan(pushed);
    return undefined;
  }

  /**
   * The message of a record; `null` if the record has none, or an unusable one. One that is too large is
   * set aside, as it may have a message (KAF11).
   */
  #messageOf(value: LogRecord["value"], read: Read): Message | "set aside" | null {
    const { metrics, quarantine } = this.#options;
    let isTooLarge = false;
    if (value === null) {
      metrics.records.inc({ type: "empty" });
      return null;
    }
    try {
      const parsed = parseMessage(value);
      if (!("problem" in parsed)) {
        this.#records[parsed.does === "logout" ? "logout" : messageTypeOf(parsed.to)].count++;
        return parsed;
      }
      isTooLarge = parsed.problem === "too_many_values";
      metrics.quarantined.inc({ reason: parsed.problem });
      quarantine.add({ ...read, reason: parsed.reason }, value);
    } catch (error) {
      const { partition, offset } = read;
      logger.error("Cannot read record {partition}-{offset}: {error}", {
        partition,
        offset,
        error,
      });
      metrics.quarantined.inc({ reason: "defect" });
      quarantine.add({ ...read, reason: "could not be read" }, value);
    }
    metrics.records.inc({ type: "unusable" });
    return isTooLarge ? "set aside" : null;
  }

  #trim(now: number): void {
    const { stream, trace } = this.#options;
    stream.window.trim(now);
    trace.trim(stream.window.firstSeq);
  }
}
