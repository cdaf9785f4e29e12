/**
 * One request to a broker and its answer, in the form in which kafkajs's `connectionPool.send` takes
 * them. Nothing in this folder does I/O.
 */
import { Buffer } from "node:buffer";
import { WireReader } from "./wire_reader.ts";
import { WireWriter } from "./wire_writer.ts";

/** One of Kafka's APIs, with the versions of it that this folder knows. */
export interface WireApi {
  readonly key: number;
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The first version with compact lengths and tagged fields (KIP-482). */
  readonly flexible: number;
}

/** The versions that a broker knows, by the key of the API, as kafkajs's `broker.versions` has them. */
export type BrokerVersions = Readonly<
  Record<number, { readonly minVersion: number; readonly maxVersion: number }>
>;

/** What kafkajs's `connectionPool.send` takes, and what it then resolves to. */
export interface WireRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    /** Looks like kafkajs's Encoder, as far as kafkajs uses it here. */
    encode(): { readonly buf: Buffer; readonly buffer: Buffer };
  };
  readonly response: {
    /** @throws {BrokenAnswerError} The bytes are no answer to this request */
    decode(bytes: Uint8Array): DecodedAnswer<T>;
    parse(decoded: DecodedAnswer<T>): T;
  };
}

/** An answer, and the throttling that it asks for, in the form that kafkajs looks for. */
export interface DecodedAnswer<T> {
  readonly answer: T;
  /** Milliseconds for which the broker wants no further request (KIP-219). */
  readonly clientSideThrottleTime: number;
}

/**
 * The highest version of an API that both sides know.
 *
 * @param options.max The highest version to use; that of the API by default
 * @throws {Error} There is none
 */
export function chooseVersion(
  api: WireApi,
  versions: BrokerVersions,
  { max = api.max }: { max?: number } = {},
): number {
  const theirs = versions[api.key];
  if (!theirs) throw new Error(`The broker does not know ${api.name} requests`);
  const version = Math.min(max, theirs.maxVersion);
  if (version >= api.min && version >= theirs.minVersion) return version;
  throw new Error(
    `The broker knows versions ${theirs.minVersion} to ${theirs.maxVersion} of ${api.name} requests, ` +
      `and this service ${api.min} to ${max}`,
  );
}

/** What {@linkcode wireRequest} is made of. */
interface RequestParts<T> {
  readonly version: number;
  /** Writes the request's body. */
  readonly write: (writer: WireWriter) => void;
  /** Reads the answer's body, without the time of throttling. */
  readonly read: (reader: WireReader) => T;
  /** Whether the answer of this version begins with a time of throttling. */
  readonly hasThrottle: boolean;
}

/** Makes a request of the parts that are special to it. */
export function wireRequest<T>(
  api: WireApi,
  { version, write, read, hasThrottle }: RequestParts<T>,
): WireRequest<T> {
  const isFlexible = version >= api.flexible;
  return {
    request: {
      apiKey: api.key,
      apiVersion: version,
      apiName: api.name,
      encode() {
        const writer = new WireWriter({ isFlexible });
        // kafkajs writes the header without the tagged fields that end it in flexible versions.
        writer.tags();
        write(writer);
        writer.tags();
        const bytes = writer.bytes();
        const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        return { buf: buffer, buffer };
      },
    },
    response: {
      decode(bytes) {
        const reader = new WireReader(bytes, { isFlexible, name: api.name });
        reader.skipTags();
        const throttleMs = hasThrottle ? reader.int32() : 0;
        const answer = read(reader);
        reader.skipTags();
        return { answer, clientSideThrottleTime: throttleMs };
      },
      parse: ({ answer }) => answer,
    },
  };
}
