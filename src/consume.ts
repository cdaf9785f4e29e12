/**
 * What is done with the records of the log: the way of a Kafka message, from the reader to the
 * sessions.
 */
import { getLogger } from "@logtape/logtape";
import type { Freshness } from "./freshness.ts";
import type { LogEvents, LogRecord } from "./log_reader.ts";
import { type Message, parseMessage } from "./messages.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Sessions } from "./sessions.ts";
import type { Stream } from "./stream.ts";
import type { Tokens } from "./tokens.ts";

const log = getLogger(["wss", "messages"]);

/** What {@linkcode createLogEvents} needs. */
export interface ConsumeOptions {
  readonly stream: Stream;
  readonly sessions: Pick<Sessions, "deliver" | "ofUser" | "lose">;
  readonly tokens: Pick<Tokens, "forget">;
  readonly quarantine: Pick<Quarantine, "add">;
  readonly freshness: Pick<Freshness, "tell">;
  /** Called after records have been read. */
  readonly onRead: () => void;
  readonly onFailure: (reason: string) => void;
}

/** Makes what handles the records of the log. It never throws, for that would end the consumer. */
export function createLogEvents(options: ConsumeOptions): LogEvents {
  const { stream, sessions, tokens, quarantine, freshness, onRead, onFailure } = options;

  /** The message of a record, `null` where it has none that could be used. */
  function messageOf({ partition, offset, value }: LogRecord): Message | null {
    if (value === null) return null;
    try {
      const parsed = parseMessage(value);
      if (!("reason" in parsed)) return parsed;
      quarantine.add({ partition, offset, reason: parsed.reason });
    } catch (error) {
      log.error("Record {partition}-{offset} could not be read: {error}", {
        partition,
        offset,
        error,
      });
      quarantine.add({ partition, offset, reason: "could not be read" });
    }
    return null;
  }

  function handle(record: LogRecord, now: number): void {
    const message = messageOf(record);
    if (message?.does === "logout") {
      stream.read(record, null, now);
      tokens.forget(message.user);
      for (const session of sessions.ofUser(message.user)) session.revoke();
      return;
    }
    const entry = stream.read(record, message, now);
    if (entry) sessions.deliver(entry);
  }

  return {
    onPartition: (partition, start) => stream.open(partition, start),
    onRecord(record) {
      const now = Date.now();
      handle(record, now);
      stream.window.trim(now);
      onRead();
    },
    onPosition(partition, position) {
      stream.advance(partition, position);
      onRead();
    },
    onEnds(ends) {
      freshness.tell(ends);
      stream.window.trim(Date.now());
    },
    onLost(partition, position) {
      log.error(
        "Partition {partition} goes on at {position}: what was in front of it is no longer in the log",
        { partition, position },
      );
      stream.jump(partition, position);
      sessions.lose();
    },
    onFailure,
  };
}
