/**
 * What is done with the records of the log: the way of a Kafka message, from the reader to the
 * sessions.
 */
import { getLogger } from "@logtape/logtape";
import { MAX_TIME_MS } from "../log/cursor.ts";
import type { FanOut } from "./fan_out.ts";
import type { Freshness } from "../log/freshness.ts";
import { messageTypeOf } from "../log/addressing.ts";
import type { LogEvents, LogRecord } from "../log/reader.ts";
import type { Read } from "../log/window.ts";
import { type Message, parseMessage } from "../log/message.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { Sessions } from "./sessions.ts";
import type { Stream } from "../log/stream.ts";
import type { Tokens } from "../backend/tokens.ts";
import type { Trace } from "../observe/delivery_trace.ts";
import { recordPushSpan } from "../observe/spans.ts";

const logger = getLogger(["wss", "messages"]);

/** What {@linkcode createRecordHandler} needs. */
export interface ConsumeOptions {
  readonly topic: string;
  readonly stream: Stream;
  readonly sessions: Pick<Sessions, "deliver" | "ofUser" | "lose">;
  readonly fanOut: Pick<FanOut, "finish" | "finishing">;
  readonly tokens: Pick<Tokens, "forget">;
  readonly quarantine: Pick<Quarantine, "add" | "noteReplay">;
  readonly freshness: Pick<Freshness, "tell">;
  readonly trace: Pick<Trace, "trim">;
  readonly metrics: Pick<Metrics, "records" | "quarantined" | "kafkaJoins" | "kafkaCrashes">;
  /** Called after records have been read. */
  readonly onRead: () => void;
  readonly onFailure: (reason: string) => void;
}

/** Makes what handles the records of the log. It never throws, for that would end the consumer. */
export function createRecordHandler(options: ConsumeOptions): LogEvents {
  const { topic, stream, sessions, fanOut, tokens, quarantine, freshness, trace, metrics } =
    options;
  const { onRead, onFailure } = options;

  /** The message of a record, `null` where it has none that could be used. */
  function messageOf(value: LogRecord["value"], read: Read): Message | null {
    if (value === null) {
      metrics.records.inc({ type: "empty" });
      return null;
    }
    try {
      const parsed = parseMessage(value);
      if (!("problem" in parsed)) {
        metrics.records.inc({
          type: parsed.does === "logout" ? "logout" : messageTypeOf(parsed.to),
        });
        return parsed;
      }
      metrics.quarantined.inc({ reason: parsed.problem });
      quarantine.add({ ...read, reason: parsed.reason });
    } catch (error) {
      const { partition, offset } = read;
      logger.error("Record {partition}-{offset} could not be read: {error}", {
        partition,
        offset,
        error,
      });
      metrics.quarantined.inc({ reason: "defect" });
      quarantine.add({ ...read, reason: "could not be read" });
    }
    metrics.records.inc({ type: "unusable" });
    return null;
  }

  function handle(record: LogRecord, readAt: number): void {
    const { partition, offset, value, headers } = record;
    // A producer may write into it what it likes.
    const timestamp = Math.min(Math.max(0, record.timestamp), MAX_TIME_MS);
    const read = { partition, offset, timestamp, readAt };
    const message = messageOf(value, read);
    if (headers?.replays !== undefined) quarantine.noteReplay(headers.replays);
    // Before positions tell of this one: they are the place of whoever stops to be live meanwhile.
    fanOut.finish();
    if (message?.does === "logout") {
      stream.read(read, null);
      tokens.forget(message.user);
      for (const session of sessions.ofUser(message.user)) session.revoke();
      return;
    }
    const entry = stream.read(read, message);
    const subscriptions = entry ? sessions.deliver(entry) : 0;
    if (subscriptions === 0) return;
    const pushed = { topic, ...read, traceparent: headers?.traceparent, subscriptions };
    const { finishing } = fanOut;
    if (finishing) finishing.then(() => recordPushSpan(pushed));
    else recordPushSpan(pushed);
  }

  function trim(now: number): void {
    stream.window.trim(now);
    trace.trim(stream.window.firstSeq);
  }

  return {
    onPartition: (partition, start) => stream.open(partition, start),
    onRecord(record) {
      const now = Date.now();
      handle(record, now);
      trim(now);
      onRead();
      return fanOut.finishing;
    },
    onPosition(partition, position) {
      stream.advance(partition, position);
      onRead();
    },
    onEnds(ends) {
      freshness.tell(ends);
      trim(Date.now());
    },
    onLost(partition, position) {
      logger.error(
        "Partition {partition} goes on at {position}: what was in front of it is no longer in the log",
        { partition, position },
      );
      sessions.lose(stream.jump(partition, position));
    },
    onJoin: () => metrics.kafkaJoins.inc(),
    onCrash: () => metrics.kafkaCrashes.inc(),
    onFailure,
  };
}
