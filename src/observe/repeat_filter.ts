/**
 * The same trouble is said once, and then counted: a log that is flooded tells nobody anything.
 */
import type { LogRecord, Sink } from "@logtape/logtape";

/** Milliseconds for which a repeated warning is counted before it is said how often it came. */
const PERIOD_MS = 30_000;

/** Records that say the same which are passed on before they are counted; by level. */
const FIRST: Partial<Record<LogRecord["level"], number>> = { warning: 1, error: 10 };

/** Properties that tell one trouble from another. */
const TELLING = ["api", "slug", "reason"];
/** Troubles that are told apart by these; with more, one line stands for several. */
const MAX_TROUBLES = 100;

/** Passes records on; of warnings and errors that say the same the first, and each 30 s how many more. */
export function createRepeatFilter(sink: Sink & Partial<Disposable>): Sink & Disposable {
  /** By what they say, less of whom. */
  const counted = new Map<
    string,
    { last: LogRecord; left: number; count: number; timer: ReturnType<typeof setTimeout> }
  >();

  function begin(key: string, { last, left }: { last: LogRecord; left: number }): void {
    counted.set(key, { last, left, count: 0, timer: setTimeout(() => tell(key), PERIOD_MS) });
  }

  function tell(key: string): void {
    const found = counted.get(key);
    if (!found) return;
    clearTimeout(found.timer);
    counted.delete(key);
    if (found.count === 0) return;
    const { last, count } = found;
    // Its parts are text and values in turn, text at both ends.
    const message = [...last.message.slice(0, -1), `${last.message.at(-1)} (${count} times more)`];
    sink({ ...last, message, properties: { ...last.properties, repeated: count } });
    begin(key, { last, left: 0 });
  }

  function keyOf({ level, category, rawMessage, properties }: LogRecord): string {
    const message = `${level} ${category.join(".")} ${rawMessage}`;
    if (counted.size >= MAX_TROUBLES) return message;
    return [message, ...TELLING.map((name) => String(properties[name]))].join(" ");
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
    /** Says what is still counted, and ends the sink. */
    [Symbol.dispose]() {
      for (const key of [...counted.keys()]) tell(key);
      for (const { timer } of counted.values()) clearTimeout(timer);
      counted.clear();
      sink[Symbol.dispose]?.();
    },
  });
}
