/**
 * Where the answers of a Kafka broker have their error codes, the addresses of brokers and the versions
 * of requests. All of them have a fixed size, so they can be changed in place.
 */
import { Fields } from "./fields.ts";

/** The requests that reading a topic causes, and the newest version that can be changed. */
export const APIS = {
  ApiVersions: { key: 18, newest: 2 },
  SaslHandshake: { key: 17, newest: 1 },
  SaslAuthenticate: { key: 36, newest: 1 },
  Metadata: { key: 3, newest: 12 },
  ListOffsets: { key: 2, newest: 5 },
  Fetch: { key: 1, newest: 13 },
  OffsetForLeaderEpoch: { key: 23, newest: 3 },
} as const;

export type Api = keyof typeof APIS;

/** What an error code of an answer is about. */
export type Place = "answer" | "topic" | "partition";

/** An answer of a broker. */
export interface Answer {
  readonly api: Api;
  readonly version: number;
  /** The whole frame: its size, the correlation id, and the rest. */
  readonly frame: Uint8Array;
}

/** Where in a frame the fields are. */
export interface Found {
  readonly errors: Record<Place, number[]>;
  /** Where the ports of brokers are, each an int32. */
  readonly ports: number[];
  /** Where the milliseconds are that a client is to wait before its next request, an int32. */
  readonly throttles: number[];
  /** Where an API's entry in ApiVersions is: its key, its oldest and its newest version, each an int16. */
  readonly versions: number[];
}

/** The first version of each API whose answers have compact fields and tags. */
const FIRST_FLEXIBLE: Partial<Record<Api, number>> = { Metadata: 9, Fetch: 12 };

/** The size of a frame and the correlation id. */
const HEADER_BYTES = 8;

/** @throws {RangeError} The frame does not have what an answer of this version has */
export function findFields({ api, version, frame }: Answer): Found {
  const found: Found = {
    errors: { answer: [], topic: [], partition: [] },
    ports: [],
    throttles: [],
    versions: [],
  };
  const isFlexible = version >= (FIRST_FLEXIBLE[api] ?? Infinity);
  const fields = new Fields(frame, {
    at: HEADER_BYTES,
    encoding: isFlexible ? "flexible" : "classic",
  });
  fields.skipTags();
  WALKS[api](fields, { version, found });
  return found;
}

type Walk = (fields: Fields, to: { version: number; found: Found }) => void;

const WALKS: Record<Api, Walk> = {
  ApiVersions(fields, { version, found }) {
    found.errors.answer.push(fields.skip(2));
    fields.each(() => found.versions.push(fields.skip(6)));
    if (version >= 1) found.throttles.push(fields.skip(4));
  },
  SaslHandshake(fields, { found }) {
    found.errors.answer.push(fields.skip(2));
  },
  SaslAuthenticate(fields, { found }) {
    found.errors.answer.push(fields.skip(2));
  },
  Metadata: walkMetadata,
  ListOffsets(fields, { version, found }) {
    if (version >= 2) found.throttles.push(fields.skip(4));
    fields.each(() => {
      fields.skipString();
      fields.each(() => {
        fields.skip(4);
        found.errors.partition.push(fields.skip(2));
        if (version === 0) fields.each(() => fields.skip(8));
        else fields.skip(version >= 4 ? 20 : 16);
      });
    });
  },
  Fetch: walkFetch,
  OffsetForLeaderEpoch(fields, { version, found }) {
    if (version >= 2) found.throttles.push(fields.skip(4));
    fields.each(() => {
      fields.skipString();
      fields.each(() => {
        found.errors.partition.push(fields.skip(2));
        fields.skip(version >= 1 ? 16 : 12);
      });
    });
  },
};

function walkMetadata(
  fields: Fields,
  { version, found }: { version: number; found: Found },
): void {
  const skipIds = () => fields.each(() => fields.skip(4));
  if (version >= 3) found.throttles.push(fields.skip(4));
  fields.each(() => {
    fields.skip(4);
    fields.skipString();
    found.ports.push(fields.skip(4));
    if (version >= 1) fields.skipString();
    fields.skipTags();
  });
  if (version >= 2) fields.skipString();
  if (version >= 1) fields.skip(4);
  fields.each(() => {
    found.errors.topic.push(fields.skip(2));
    fields.skipString();
    if (version >= 10) fields.skip(16);
    if (version >= 1) fields.skip(1);
    fields.each(() => {
      found.errors.partition.push(fields.skip(2));
      fields.skip(version >= 7 ? 12 : 8);
      skipIds();
      skipIds();
      if (version >= 5) skipIds();
      fields.skipTags();
    });
    if (version >= 8) fields.skip(4);
    fields.skipTags();
  });
}

function walkFetch(fields: Fields, { version, found }: { version: number; found: Found }): void {
  if (version >= 1) found.throttles.push(fields.skip(4));
  if (version >= 7) {
    found.errors.answer.push(fields.skip(2));
    fields.skip(4);
  }
  fields.each(() => {
    if (version >= 13) fields.skip(16);
    else fields.skipString();
    fields.each(() => {
      fields.skip(4);
      found.errors.partition.push(fields.skip(2));
      fields.skip(8);
      if (version >= 4) fields.skip(8);
      if (version >= 5) fields.skip(8);
      if (version >= 4) {
        fields.each(() => {
          fields.skip(16);
          fields.skipTags();
        });
      }
      if (version >= 11) fields.skip(4);
      fields.skipBytes();
      fields.skipTags();
    });
    fields.skipTags();
  });
}
