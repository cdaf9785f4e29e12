/**
 * Logs the same trouble once and then counts it, so that repeated lines do not hide the others.
 */
import type { LogRecord, Sink } from "@logtape/logtape";

/** Milliseconds for which repetitions are counted before their number is logged. */
const PERIOD_MS = 30_000;

/** How many equal records are passed on before they are only counted, by level. */
const FIRST: Partial<Record<LogRecord["level"], number>> = { warning: 1, error: 10 };

/** Properties whose values make records of the same message different troubles. */
const DISTINGUISHING = ["api", "slug", "reason"];
/** The most troubles that these properties distinguish. Beyond it, only the message counts. */
const MAX_TROUBLES = 100;

/**
 * Makes a sink that passes records on to another sink. Of equal warnings and errors it passes on
 * the first ones, and every 30 s the latest with the number of repetitions, as property `repeated`.
 */
export function createRepeatFilter(sink: Sink & Partial<Disposable>): Sink & Disposable {
  /** What is counted, by {@linkcode keyOf}. */
  const counted = new Map<
    string,
    { last: LogRecord; left: number; count: number; timer: ReturnType<typeof setTimeout> }
  >();

  function begin(key: string, { last, left }: { last: LogRecord; left: number }): void {
    counted.set(key, { last, left, count: 0, timer: setTimeout(() => flush(key), PERIOD_MS) });
  }

  /** Logs how often a record was repeated, if it was. */
  function flush(key: string): void {
    const found = counted.get(key);
    if (!found) return;
    clearTimeout(found.timer);
    counted.delete(key);
    if (found.count === 0) return;
    const { last, count } = found;
    // The parts of a message are text and values in turn, with text at both ends.
    const message = [...last.message.slice(0, -1), `${last.message.at(-1)} (repeated: ${count})`];
    sink({ ...last, message, properties: { ...last.properties, repeated: count } });
    begin(key, { last, left: 0 });
  }

  /** The same text for records of the same trouble, whichever session they are about. */
  function keyOf({ level, category, rawMessage, properties }: LogRecord): string {
    const message = `${level} ${category.join(".")} ${rawMessage}`;
    if (counted.size >= MAX_TROUBLES) return message;
    return [message, ...DISTINGUISHING.map((name) => String(properties[name]))].join(" ");
  }

  const filter = (record: LogRecord) => {
    const first = FIRST[record.level];
    if (first === undefined) return sink(record);
    const key = keyOf(record);
    const found = counted.get(key);
    if (found?.left === 0) {
      found.count++;
      found.last = record;
      return;
    }
    sink(record);
    if (found) found.left--;
    else begin(key, { last: record, left: first - 1 });
  };

  return Object.assign(filter, {
    /** Logs what is still counted, and ends the sink. */
    [Symbol.dispose]() {
      for (const key of [...counted.keys()]) flush(key);
      for (const { timer } of counted.values()) clearTimeout(timer);
      counted.clear();
      sink[Symbol.dispose]?.();
    },
  });
}
