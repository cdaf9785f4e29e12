/** A connection to a broker that sends requests of src/kafka/wire, without kafkajs. */
import type { WireRequest } from "../../../src/kafka/wire/api.ts";
import { FETCH, fetchRequest } from "../../../src/kafka/wire/fetch.ts";
import { METADATA, metadataRequest } from "../../../src/kafka/wire/metadata.ts";
import { decodeAll } from "./decode.ts";

/** Bytes of the length of an answer and of its correlation id. */
const PREFIX_BYTES = 4;

export type WireConnection = Awaited<ReturnType<typeof connectWire>>;

export async function connectWire(broker = Deno.env.get("KAFKA_BROKERS") ?? "") {
  const [hostname = "", port] = broker.split(":");
  const conn = await Deno.connect({ hostname, port: Number(port) });

  async function readExactly(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const read = await conn.read(bytes.subarray(at));
      if (read === null) throw new Error("The broker has closed the connection");
      at += read;
    }
    return bytes;
  }

  /** Sends a request; gives the answer's bytes, without the header that kafkajs takes off. */
  async function sendRaw({ request }: Pick<WireRequest<unknown>, "request">): Promise<Uint8Array> {
    const body = request.encode().buffer;
    const client = new TextEncoder().encode("test");
    const bytes = new Uint8Array(14 + client.length + body.length);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, bytes.length - 4);
    view.setInt16(4, request.apiKey);
    view.setInt16(6, request.apiVersion);
    view.setInt32(8, 7);
    view.setInt16(12, client.length);
    bytes.set(client, 14);
    bytes.set(body, 14 + client.length);
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    const length = new DataView((await readExactly(PREFIX_BYTES)).buffer).getInt32(0);
    return (await readExactly(length)).subarray(PREFIX_BYTES);
  }

  async function send<T>(request: WireRequest<T>): Promise<T> {
    return request.response.parse(request.response.decode(await sendRaw(request)));
  }

  return { sendRaw, send, [Symbol.dispose]: () => conn.close() };
}

/** Reads a topic with one partition, from an offset to its end, as the service does. */
export async function readTopic(topic: string, { offset = 0, version = FETCH.max } = {}) {
  using broker = await connectWire();
  const { topicId } = await broker.send(metadataRequest(METADATA.max, { topic }));
  const [partition] = (await broker.send(fetchRequest(version, {
    topic,
    topicId,
    positions: [{
      partition: 0,
      offset,
      leaderEpoch: -1,
      lastFetchedEpoch: -1,
      maxBytes: 64 * 2 ** 20,
    }],
    maxWaitMs: 1000,
    maxBytes: 64 * 2 ** 20,
  }))).partitions;
  if (!partition || partition.errorCode !== 0) throw new Error("The topic can't be fetched");
  const { abortedTransactions, records, lastStableOffset } = partition;
  const decoded = await decodeAll(records, {
    position: offset,
    end: lastStableOffset,
    abortedTransactions,
  });
  return { ...decoded, fetched: partition };
}
