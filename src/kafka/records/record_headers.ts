/**
 * Looks for the headers of a record that the service uses.
 */
import type { RecordHeaders } from "../../log/reader.ts";
import type { VarintReader } from "./varints.ts";

const decoder = new TextDecoder();

/** A longer value of these headers is none of ours, and is left out. Bytes. */
const MAX_VALUE_BYTES = 256;
const NO_HEADERS: RecordHeaders = {};

/**
 * Reads all headers of a record, and decodes only those that are used. Of several with the same name,
 * the last one counts.
 */
export function readHeaders(bytes: Uint8Array, reader: VarintReader): RecordHeaders {
  const count = reader.int32();
  if (count === 0) return NO_HEADERS;
  if (count < 0) reader.isBroken = true;
  const headers: { -readonly [N in keyof RecordHeaders]: RecordHeaders[N] } = {};
  for (let i = 0; i < count && !reader.isBroken; i++) {
    const name = usedName(bytes, reader);
    const length = reader.int32();
    const at = reader.at;
    reader.skip(length);
    if (!name || length < 0 || length > MAX_VALUE_BYTES || reader.isBroken) continue;
    headers[name] = decoder.decode(bytes.subarray(at, at + length));
  }
  return headers;
}

/** Reads a header's name; `undefined` unless it is one that is used. */
function usedName(bytes: Uint8Array, reader: VarintReader): keyof RecordHeaders | undefined {
  const length = reader.int32();
  const at = reader.at;
  if (length < 0) reader.isBroken = true;
  reader.skip(length);
  if (reader.isBroken) return undefined;
  // The length tells the names apart, so that most of them need not be decoded.
  if (length === "traceparent".length) return nameIf("traceparent");
  if (length === "replays".length) return nameIf("replays");
  return undefined;

  function nameIf<N extends keyof RecordHeaders>(name: N): N | undefined {
    return decoder.decode(bytes.subarray(at, at + length)) === name ? name : undefined;
  }
}
