/**
 * The same trouble is said once, and then counted: a log that is flooded tells nobody anything.
 */
import type { LogRecord, Sink } from "@logtape/logtape";

/** Milliseconds for which a repeated warning is counted before it is said how often it came. */
const PERIOD_MS = 30_000;

/** Passes records on; of warnings that say the same, the first, and then how many came, each 30 s. */
export function createRepeatFilter(sink: Sink & Partial<Disposable>): Sink & Disposable {
  /** By what they say, less of whom. */
  const counted = new Map<
    string,
    { last: LogRecord; count: number; timer: ReturnType<typeof setTimeout> }
  >();

  function begin(key: string, last: LogRecord): void {
    counted.set(key, { last, count: 0, timer: setTimeout(() => tell(key), PERIOD_MS) });
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
    begin(key, last);
  }

  const filter = (record: LogRecord) => {
    if (record.level !== "warning") return sink(record);
    const key = `${record.category.join(".")} ${record.rawMessage}`;
    const found = counted.get(key);
    if (found) {
      found.count++;
      found.last = record;
      return;
    }
    sink(record);
    begin(key, record);
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
