import type { LogEvents } from "../../src/log/reader.ts";

/** What a reader tells, to nobody. A test replaces what it looks at. */
export const NO_EVENTS: LogEvents = {
  onTopic: () => {},
  onPartition: () => {},
  onRecord: () => undefined,
  onPosition: () => {},
  onEnds: () => {},
  onLost: () => {},
  onCut: () => {},
  onSetAside: () => {},
  onTrouble: () => {},
};
