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
): Promise<{ text: string } | { refused: BodyRefusal }> {
  if (Number(headers.get("content-length")) > maxBytes) return { refused: "too-large" };
  if (!body) return { text: "" };
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const reading = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes += next.value.length;
      if (bytes > maxBytes) return;
      pieces.push(next.value);
    }
  })();
  try {
    const isRead = await isDoneWithin(BODY_MS, reading);
    if (isRead && bytes <= maxBytes) return decode(pieces);
    reader.cancel().catch(() => {});
    return { refused: isRead ? "too-large" : "too-slow" };
  } catch {
    return { refused: "too-slow" };
  }
}

function decode(pieces: readonly Uint8Array[]): { text: string } | { refused: BodyRefusal } {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    const texts = pieces.map((piece) => decoder.decode(piece, { stream: true }));
    return { text: texts.join("") + decoder.decode() };
  } catch {
    return { refused: "not-utf8" };
  }
}

/** The request for an event stream, as the text of a frame. What is not JSON stays so, to be refused. */
export function requestOfUrl(url: string, headers: Headers): string {
  const { searchParams } = new URL(url);
  const command = searchParams.get("command");
  const text = searchParams.get("options");
  let options: unknown;
  try {
    options = text === null ? null : JSON.parse(text);
  } catch {
    return text ?? "";
  }
  const since = headers.get("last-event-id");
  if (since && isObject(options)) options = { ...options, since };
  return JSON.stringify({ command, options });
}
