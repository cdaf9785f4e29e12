/**
 * Metadata: which brokers there are, and who leads the partitions of the topic.
 */
import { type WireApi, type WireRequest, wireRequest } from "./api.ts";
import type { WireReader } from "./wire_reader.ts";

export const METADATA: WireApi = { key: 3, name: "Metadata", min: 4, max: 12, flexible: 9 };

/** A broker of the cluster, as it wants to be connected to. */
export interface BrokerNode {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** A partition, as a broker knows it. */
export interface PartitionMetadata {
  readonly partition: number;
  readonly errorCode: number;
  /** The node that leads it; -1 if there is none. */
  readonly leader: number;
  /** Grows with each election; -1 if the broker does not tell it (before version 7). */
  readonly leaderEpoch: number;
}

/** What a broker knows of the cluster and of one topic. */
export interface TopicMetadata {
  readonly brokers: readonly BrokerNode[];
  /** Of the topic. */
  readonly errorCode: number;
  /** 22 characters of base64url; `null` if the broker does not tell it (before version 10). */
  readonly topicId: string | null;
  readonly partitions: readonly PartitionMetadata[];
}

/**
 * Asks for the metadata of one topic.
 *
 * @param options.isCreated Whether a missing topic is created, if the broker's settings allow it
 */
export function metadataRequest(
  version: number,
  { topic, isCreated = false }: {
    topic: string;
    isCreated?: boolean;
  },
): WireRequest<TopicMetadata> {
  return wireRequest(METADATA, {
    version,
    hasThrottle: true,
    write(writer) {
      writer.array([topic], (name) => {
        if (version >= 10) writer.uuid(null);
        writer.string(name);
        writer.tags();
      });
      writer.boolean(isCreated);
      // Whether the answer lists what this client may do with the cluster, and with the topic.
      if (version >= 8 && version <= 10) writer.boolean(false);
      if (version >= 8) writer.boolean(false);
    },
    read(reader) {
      const brokers = reader.array(() => readBroker(reader));
      reader.string(); // the cluster's id
      reader.int32(); // the controller
      const topics = reader.array(() => readTopic(reader, version));
      if (version >= 8 && version <= 10) reader.int32(); // what this client may do
      const found = topics.find(({ name }) => name === topic);
      if (!found) throw reader.error(`it is not about topic ${topic}`);
      const { errorCode, topicId, partitions } = found;
      return { brokers, errorCode, topicId, partitions };
    },
  });
}

function readBroker(reader: WireReader): BrokerNode {
  const nodeId = reader.int32();
  const host = reader.string() ?? "";
  const port = reader.int32();
  reader.string(); // the rack
  reader.skipTags();
  return { nodeId, host, port };
}

function readTopic(reader: WireReader, version: number) {
  const errorCode = reader.int16();
  const name = reader.string();
  const topicId = version >= 10 ? reader.uuid() : null;
  reader.boolean(); // whether the topic is internal
  const partitions = reader.array(() => readPartition(reader, version));
  if (version >= 8) reader.int32(); // what this client may do
  reader.skipTags();
  return { name, errorCode, topicId, partitions };
}

function readPartition(reader: WireReader, version: number): PartitionMetadata {
  const errorCode = reader.int16();
  const partition = reader.int32();
  const leader = reader.int32();
  const leaderEpoch = version >= 7 ? reader.int32() : -1;
  for (let list = 0; list < (version >= 5 ? 3 : 2); list++) {
    reader.each(() => reader.int32()); // replicas, those in sync, those that are offline
  }
  reader.skipTags();
  return { partition, errorCode, leader, leaderEpoch };
}
