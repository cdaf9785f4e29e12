/**
 * OffsetForLeaderEpoch: where an epoch of a partition ended (KIP-320). A reader whose position is
 * behind that place has read what is no longer in the log. From Fetch 12 on, the leader tells it by
 * itself.
 */
import { type WireApi, type WireRequest, wireRequest } from "./api.ts";

export const LEADER_EPOCH: WireApi = {
  key: 23,
  name: "OffsetForLeaderEpoch",
  min: 2,
  max: 3,
  flexible: 4,
};

/** What to ask about one partition. */
export interface EpochQuestion {
  readonly partition: number;
  /** The epoch of the leader that is asked; -1 if it is not known. */
  readonly currentEpoch: number;
  /** The epoch of the last record that was read. */
  readonly epoch: number;
}

/** What a leader says of one partition. */
export interface EpochEnd {
  readonly partition: number;
  readonly errorCode: number;
  /** The greatest epoch in the log up to that of the question; -1 if there is none. */
  readonly epoch: number;
  /** The offset at which that epoch ends; -1 if there is none. */
  readonly endOffset: number;
}

/** Asks a leader where epochs ended. */
export function leaderEpochRequest(
  version: number,
  { topic, questions }: {
    topic: string;
    questions: readonly EpochQuestion[];
  },
): WireRequest<readonly EpochEnd[]> {
  return wireRequest(LEADER_EPOCH, {
    version,
    hasThrottle: true,
    write(writer) {
      if (version >= 3) writer.int32(-1); // the replica that asks: none
      writer.array([topic], (name) => {
        writer.string(name);
        writer.array(questions, ({ partition, currentEpoch, epoch }) => {
          writer.int32(partition);
          writer.int32(currentEpoch);
          writer.int32(epoch);
        });
      });
    },
    read(reader) {
      const topics = reader.array(() => ({
        name: reader.string(),
        ends: reader.array(() => {
          const errorCode = reader.int16();
          const partition = reader.int32();
          const epoch = reader.int32();
          return { partition, errorCode, epoch, endOffset: reader.int64() };
        }),
      }));
      return topics.filter(({ name }) => name === topic).flatMap(({ ends }) => ends);
    },
  });
}
