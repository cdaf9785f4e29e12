/** Readers of the embedded log that a test changes. */
import { createEmbeddedLog, type EmbeddedLog } from "../../../src/dev/embedded_log.ts";
import type { LogEvents, LogReader } from "../../../src/log/reader.ts";

/** A reader with other functions in place of some of its own. */
export function replaceIn(reader: LogReader, functions: Partial<LogReader>): LogReader {
  return {
    start: (events, options) => reader.start(events, options),
    askEnds: () => reader.askEnds(),
    replay: (record) => reader.replay(record),
    stop: () => reader.stop(),
    ...functions,
  };
}

/** Reads a log, and changes its events on their way, for example delays them. */
export function createChangedReader(
  log: Pick<EmbeddedLog, "createReader">,
  change: (events: LogEvents) => LogEvents,
): LogReader {
  const reader = log.createReader();
  return replaceIn(reader, {
    start: (events, options) => reader.start(change(toFunctions(events)), options),
  });
}

/** The events as an object of functions, which can be spread: a spread loses the methods of a class. */
function toFunctions(events: LogEvents): LogEvents {
  return {
    onTopic: (topic) => events.onTopic(topic),
    onPartition: (partition, start) => events.onPartition(partition, start),
    onRecord: (record) => events.onRecord(record),
    onPosition: (partition, position) => events.onPosition(partition, position),
    onEnds: (ends) => events.onEnds(ends),
    onLost: (partition, position) => events.onLost(partition, position),
    onCut: (partition, position) => events.onCut(partition, position),
    onSetAside: (partition, records) => events.onSetAside(partition, records),
    onTrouble: (trouble) => events.onTrouble(trouble),
  };
}

/** A log, and readers of it that get no ends while `isReachable` is false. */
export function createMuteReader() {
  const log = createEmbeddedLog();
  const stream = {
    log,
    isReachable: true,
    createReader: () =>
      createChangedReader(log, (events) => ({
        ...events,
        onEnds: (ends) => stream.isReachable && events.onEnds(ends),
      })),
  };
  return stream;
}
