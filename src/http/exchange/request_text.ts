/**
 * The request that comes over HTTP: in the body of a POST (HTTP1), or in the URL of an event stream
 * (HTTP2, HTTP3).
 */
import { isObject } from "../../util/is_object.ts";
import { isDoneWithin } from "../../util/delay.ts";

/** Milliseconds within which a body must have come. */
const BODY_MS = 30_000;

/** Why a body is not taken. */
export type BodyRefusal = "not-json" | "too-large" | "too-slow" | "not-utf8";

/** A body that is not taken. */
export interface RefusedBody {
  readonly refused: BodyRefusal;
  /** How much of it was read, up to the limit. */
  readonly bytes: number;
}

/** Whether headers say that a body is JSON. */
export function isJson(headers: Headers): boolean {
  const [mediaType = ""] = (headers.get("content-type") ?? "").split(";");
  return mediaType.trim().toLowerCase() === "application/json";
}

/**
 * Reads the body of a request.
 *
 * @returns The text, or why it is not taken; the client may also have gone
 */
export async function readBody(
  { body, headers }: Pick<Request, "body" | "headers">,
  maxBytes: number,
): Promise<{ text: string } | RefusedBody> {
  if (Number(headers.get("content-length")) > maxBytes) {
    return { refused: "too-large", bytes: 0 };
  }
  if (!body) return { text: "" };
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  const read = async (): Promise<BodyRefusal | null> => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.length;
      if (bytes > maxBytes) return "too-large";
      // A chunk of one byte can be a view on a buffer of 64 KiB, so no chunk is kept.
      const part = decode(decoder, next.value);
      if (part === null) return "not-utf8";
      text += part;
    }
    return decode(decoder) === null ? "not-utf8" : null;
  };
  let refused: BodyRefusal | null;
  try {
    const reading = read();
    refused = await isDoneWithin(BODY_MS, reading) ? await reading : "too-slow";
  } catch {
    refused = "too-slow";
  }
  if (refused === null) return { text };
  reader.cancel().catch(() => {});
  return { refused, bytes: Math.min(bytes, maxBytes) };
}

/**
 * @param chunk The next bytes; `undefined` at the end
 * @returns `null` if it is not UTF-8
 */
function decode(decoder: TextDecoder, chunk?: Uint8Array): string | null {
  try {
    return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
  } catch {
    return null;
  }
}

/** The request for an event stream, as the text of a frame. What is not JSON stays so, to be refused. */
export function requestOfUrl(url: string, headers: Headers): string {
  const { searchParams } = new URL(url);
  const command = searchParams.get("command") ?? undefined;
  const text = searchParams.get("options");
  let options: unknown;
  try {
    options = text === null ? undefined : JSON.parse(text);
  } catch {
    return text ?? "";
  }
  const since = headers.get("last-event-id");
  if (since && isObject(options)) options = { ...options, since };
  return JSON.stringify({ command, options });
}
