/**
 * One try of one backend request, and what its answer means (BCK1).
 */
import { getLogger } from "@logtape/logtape";
import { type JsonText, NULL, type ReplyStatus } from "../protocol/frames.ts";
import type { Slug } from "../protocol/errors.ts";

const logger = getLogger(["wss", "backend"]);

/** A backend's answer, as the client gets it. */
export interface BackendAnswer {
  readonly status: ReplyStatus;
  /** The body as it came, so that no number of it is changed. */
  readonly payload: JsonText;
  /** The same, parsed. */
  readonly value: unknown;
}

/** What to send. A redirect is an answer, it is not followed. */
export interface BackendRequest {
  readonly method: "GET" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** Why there is no answer. */
export interface Failure {
  readonly slug: Slug;
  /** Tells neither address nor token (ERR3). */
  readonly reason: string;
  /** Whether another try may help (BCK4). */
  readonly again?: boolean;
  /** Milliseconds, where the backend said them. */
  readonly retryAfterMs?: number | undefined;
}

/** Fetches once. Never throws, but for a defect. */
export async function attempt(
  { method, url, headers, body: sent }: BackendRequest,
  { signal, maxBytes }: { signal: AbortSignal; maxBytes: number },
): Promise<BackendAnswer | Failure> {
  let response: Response;
  let body: string | null;
  try {
    response = await fetch(url, { method, headers, body: sent, redirect: "manual", signal });
    if (response.status === 429 || response.status >= 500) {
      await response.body?.cancel();
      return unavailable(response);
    }
    body = await readText(response, maxBytes);
  } catch (error) {
    // The only place that knows; clients are not told of addresses.
    if (!signal.aborted) {
      logger.debug("No whole answer of {host}: {error}", { host: new URL(url).host, error });
    }
    return { slug: "backend-unavailable", reason: "no whole answer", again: true };
  }
  if (body === null) {
    return { slug: "backend-invalid", reason: `it answered more than ${maxBytes} bytes` };
  }
  return interpret(method, response.status, body);
}

function unavailable({ status, headers }: Response): Failure {
  return {
    slug: "backend-unavailable",
    reason: `it answered ${status}`,
    again: status === 502 || status === 503 || status === 504,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  };
}

/** `Retry-After` in either of its forms, RFC 9110, 10.2.3. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (!/^(\d+|[A-Z][a-z]{2}, .*)$/.test(header)) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isSafeInteger(ms) ? Math.max(0, ms) : undefined;
}

function interpret(method: string, status: number, body: string): BackendAnswer | Failure {
  if (status >= 200 && status < 300 && method === "PUT") {
    return { status: "ok", payload: NULL, value: null };
  }
  const json = parse(body);
  if (status >= 200 && status < 300) {
    return json
      ? { status: "ok", ...json }
      : { slug: "backend-invalid", reason: "it answered what is not JSON" };
  }
  if (status === 401) return { status: "unauthorized", ...json ?? NOTHING };
  if (status === 403) return { status: "forbidden", ...json ?? NOTHING };
  if (json && status >= 400) return { status: "error", ...json };
  return { slug: "backend-refused", reason: `it answered ${status}` };
}

const NOTHING = { payload: NULL, value: null };

function parse(body: string): { payload: JsonText; value: unknown } | null {
  try {
    return { value: JSON.parse(body), payload: body as JsonText };
  } catch {
    return null;
  }
}

/** The whole body, `null` where it is longer than the limit. */
async function readText(response: Response, maxBytes: number): Promise<string | null> {
  // Chunk by chunk, each body takes a buffer of 64 KiB that stays until it is collected.
  if (lengthOf(response.headers) <= maxBytes) return await response.text();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > maxBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The bytes of a body, where that is said; infinite where it is not. */
function lengthOf(headers: Headers): number {
  // Of a compressed body it is the length before it is decompressed; in front of chunks, no length.
  if (headers.has("content-encoding") || headers.has("transfer-encoding")) return Infinity;
  return Number(headers.get("content-length") ?? Infinity);
}
