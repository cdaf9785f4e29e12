/**
 * ListOffsets: where a partition begins and ends, and which record is the first since a time. Only
 * its leader answers.
 */
import { type WireApi, type WireRequest, wireRequest } from "./api.ts";

export const LIST_OFFSETS: WireApi = { key: 2, name: "ListOffsets", min: 1, max: 5, flexible: 6 };

/** Instead of a time: the offset of the oldest record. */
export const EARLIEST = -2;
/** Instead of a time: the end of the partition. */
export const LATEST = -1;

/** What a leader says of one partition. */
export interface ListedOffset {
  readonly partition: number;
  readonly errorCode: number;
  /** -1 if no record is as new as the time. */
  readonly offset: number;
  /** The epoch of the record at that offset; -1 if it is not known (before version 4). */
  readonly leaderEpoch: number;
}

/** What {@linkcode listOffsetsRequest} asks for. */
export interface ListOffsetsOptions {
  readonly topic: string;
  /** Milliseconds since 1970, {@linkcode EARLIEST} or {@linkcode LATEST}. */
  readonly timestamp: number;
  /**
   * Whether {@linkcode LATEST} is the last stable offset, and not the high watermark. Version 1
   * knows the high watermark only.
   */
  readonly isStable: boolean;
  /** The partitions, each with the epoch of its leader; -1 if it is not known. */
  readonly partitions: readonly { readonly partition: number; readonly leaderEpoch: number }[];
}

/** Asks a leader for one offset of each of its partitions. */
export function listOffsetsRequest(
  version: number,
  { topic, timestamp, isStable, partitions }: ListOffsetsOptions,
): WireRequest<readonly ListedOffset[]> {
  return wireRequest(LIST_OFFSETS, {
    version,
    hasThrottle: version >= 2,
    write(writer) {
      writer.int32(-1); // the replica that asks: none
      if (version >= 2) writer.int8(isStable ? 1 : 0);
      writer.array([topic], (name) => {
        writer.string(name);
        writer.array(partitions, ({ partition, leaderEpoch }) => {
          writer.int32(partition);
          if (version >= 4) writer.int32(leaderEpoch);
          writer.int64(timestamp);
        });
      });
    },
    read(reader) {
      const topics = reader.array(() => ({
        name: reader.string(),
        offsets: reader.array(() => {
          const partition = reader.int32();
          const errorCode = reader.int16();
          reader.int64(); // the record's time
          const offset = reader.int64();
          const leaderEpoch = version >= 4 ? reader.int32() : -1;
          return { partition, errorCode, offset, leaderEpoch };
        }),
      }));
      return topics.filter(({ name }) => name === topic).flatMap(({ offsets }) => offsets);
    },
  });
}
