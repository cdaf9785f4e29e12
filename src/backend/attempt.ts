/**
 * One try of one request to an API, and what its answer means (BCK1). Within the service, this is the
 * only caller of fetch.
 */
import { getLogger } from "@logtape/logtape";
import { type JsonText, NULL, type ReplyStatus } from "../protocol/frames.ts";
import { CommandError, type Slug } from "../protocol/errors.ts";
import type { Api } from "./apis.ts";
import { type BodyPlace, SMALL_BYTES } from "./places/body_room.ts";
import { whyNotFetched, whyNotJson, whyUnreadable } from "./unreadable.ts";

const logger = getLogger(["wss", "backend"]);

/** An API's answer, as the client gets it. */
export interface BackendAnswer {
  readonly status: ReplyStatus;
  readonly httpStatus: number;
  /** The body as it came, so that no number in it changes. */
  readonly payload: JsonText;
  /** The parsed body. */
  readonly value: unknown;
}

/** What to send. */
export interface BackendRequest {
  readonly method: "GET" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** Why there is no answer, or none that can be used. */
export interface Failure {
  readonly slug: Slug;
  /** `undefined` if no whole answer came. */
  readonly httpStatus?: number;
  /** A text for clients, without addresses and tokens (ERR3). */
  readonly reason: string;
  /** Whether another try may succeed (BCK4). Default: false. */
  readonly again?: boolean;
  /** Milliseconds from the header `Retry-After`, if the API sent it. */
  readonly retryAfterMs?: number | undefined;
}

/** What became of a request. */
export type Outcome = BackendAnswer | Failure;

/** The error that tells a client of a failure. */
export function errorOf(api: Api, { slug, reason, retryAfterMs }: Failure): CommandError {
  return new CommandError({
    slug,
    message: `Cannot ask the ${api} API: ${reason}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The clients that send all requests. To be closed at the end. */
export interface HttpClients {
  /** For GETs. Over HTTP/2, the answers that wait to be read would use up the window of all others. */
  readonly get: Deno.HttpClient;
  /**
   * For PUTs, which must not be sent twice (BCK4). On a connection that was used before and breaks before
   * the head of the answer, the runtime sends a request of any method again by itself
   * (denoland/deno#31955). So this client uses no connection twice.
   */
  readonly put: Deno.HttpClient;
}

/** Makes the {@linkcode HttpClients}. */
export function createHttpClients(): HttpClients {
  return {
    get: Deno.createHttpClient({ http2: false }),
    put: Deno.createHttpClient({ http2: false, poolMaxIdlePerHost: 0 }),
  };
}

/** A request that is tried. */
export interface Attempted {
  readonly request: BackendRequest;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** Called with the number of bytes of the body before they are kept. It may abort the signal. */
  grow(bytes: number): void;
}

/** What all attempts share. */
export interface AttemptOptions {
  /** The limit for the answer's body, in bytes. */
  readonly maxBytes: number;
  readonly clients: HttpClients;
}

/**
 * Fetches once; the runtime may send a GET a second time. It does not throw; if the signal is aborted,
 * the result means nothing.
 *
 * @param place The room of the answer's body among those that are read at once
 */
export async function attempt(
  attempted: Attempted,
  options: AttemptOptions,
  place: Pick<BodyPlace, "grow">,
): Promise<Outcome> {
  const { method, url } = attempted.request;
  let response: Response | undefined;
  let body: string | null;
  try {
    response = await send(url, attempted, options);
    if (method === "GET" && REDIRECTS.includes(response.status)) {
      const followed = await follow(response, attempted, options);
      if ("slug" in followed) return followed;
      response = followed;
    }
    if (response.status === 429 || response.status >= 500) {
      await response.body?.cancel();
      return unavailable(response);
    }
    if (method === "PUT" && response.ok) {
      // The update is done, whatever the body is.
      await response.body?.cancel().catch(() => {});
      return answerOf("ok", response.status, NOTHING);
    }
    const length = lengthOf(response.headers);
    // Reading chunk by chunk costs a buffer of 64 KiB a body, until the garbage is collected.
    if (length <= options.maxBytes) {
      attempted.grow(length);
      if (length > SMALL_BYTES) await place.grow(length, attempted.signal);
      body = await response.text();
    } else {
      body = await readInPieces(response, attempted, { ...options, place });
    }
  } catch (error) {
    // Only this log line has the cause, because clients must not see addresses.
    if (!attempted.signal.aborted) {
      const { host } = new URL(url);
      logger.debug("No whole answer from {host}: {reason}", { host, reason: whyNotFetched(error) });
    }
    const reason = whyUnreadable(error);
    if (reason === undefined) {
      return { slug: "backend-unavailable", reason: "no whole answer", again: true };
    }
    return refusal(response?.status) ?? { slug: "backend-invalid", reason };
  }
  if (body !== null) return interpret(response, body);
  const reason = `its answer has more than ${options.maxBytes} bytes`;
  const { status: httpStatus } = response;
  return refusal(httpStatus) ?? { slug: "backend-invalid", httpStatus, reason };
}

/**
 * Fetches a text, such as the keys of tokens.
 *
 * @throws {Error} There is no whole answer of status 200 in time, or it is too long
 */
export async function fetchText(
  url: URL,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  const headers = { accept: "application/json" };
  const response = await fetch(url, { headers, redirect: "manual", signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  const place = { grow: () => Promise.resolve() };
  const text = await readInPieces(response, { grow() {}, signal }, { maxBytes, place });
  if (text === null) throw new Error(`its answer has more than ${maxBytes} bytes`);
  return text;
}

/** The most redirects of one GET that are followed. */
const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Sends a request to a URL, which is another one than its own after a redirect. */
function send(
  url: string,
  { request: { method, headers, body }, signal }: Attempted,
  { clients }: AttemptOptions,
): Promise<Response> {
  const client = method === "GET" ? clients.get : clients.put;
  return fetch(url, { method, headers, body, redirect: "manual", signal, client });
}

/**
 * Follows the redirects of a GET within its origin, to which the token may go, too (BCK1).
 *
 * @throws {TypeError} There is no answer
 */
async function follow(
  first: Response,
  attempted: Attempted,
  options: AttemptOptions,
): Promise<Response | Failure> {
  const { origin } = new URL(attempted.request.url);
  let url = attempted.request.url;
  let response = first;
  for (let redirects = 0;; redirects++) {
    const location = response.headers.get("location");
    if (!REDIRECTS.includes(response.status) || location === null) return response;
    await response.body?.cancel();
    if (redirects === MAX_REDIRECTS) {
      return refuseRedirect(response, `it redirected more than ${MAX_REDIRECTS} times`);
    }
    const target = URL.parse(location, url);
    if (!target || target.origin !== origin || target.username || target.password) {
      return refuseRedirect(response, "it redirected to another origin");
    }
    url = target.href;
    response = await send(url, attempted, options);
  }
}

function refuseRedirect({ url, status }: Response, reason: string): Failure {
  const { host } = new URL(url);
  logger.warn("A request to {host} was refused: {reason}; is its URL right?", { host, reason });
  return { slug: "backend-refused", httpStatus: status, reason };
}

function unavailable({ status, headers }: Response): Failure {
  return {
    slug: "backend-unavailable",
    httpStatus: status,
    reason: `it answered ${status}`,
    again: status === 502 || status === 503 || status === 504,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  };
}

/** The longest wait that a client is told, in milliseconds, whatever a backend says. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Reads `Retry-After`, which has seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || !/^(\d+|[A-Z][a-z]{2}, .*)$/.test(header)) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

function interpret({ ok, status, headers }: Response, body: string): Outcome {
  const json = parse(body);
  if (ok && json) return answerOf("ok", status, json);
  if (ok) return { slug: "backend-invalid", httpStatus: status, reason: whyNotJson(headers) };
  const refused = refusal(status, json);
  if (refused) return refused;
  if (json && status >= 400) return answerOf("error", status, json);
  return { slug: "backend-refused", httpStatus: status, reason: `it answered ${status}` };
}

/** The answer with status 401 or 403, whose body need not be one that can be used. */
function refusal(status: number | undefined, json: Body | null = null): BackendAnswer | undefined {
  if (status === 401) return answerOf("unauthorized", status, json ?? NOTHING);
  if (status === 403) return answerOf("forbidden", status, json ?? NOTHING);
  return undefined;
}

type Body = Pick<BackendAnswer, "payload" | "value">;

const NOTHING: Body = { payload: NULL, value: null };

function answerOf(status: ReplyStatus, httpStatus: number, body: Body): BackendAnswer {
  return { status, httpStatus, ...body };
}

function parse(body: string): Body | null {
  try {
    return { value: JSON.parse(body), payload: body as JsonText };
  } catch {
    return null;
  }
}

/** Reads a body whose length is not known; gives `null` if it is longer than the limit. */
async function readInPieces(
  response: Response,
  attempted: Pick<Attempted, "grow" | "signal">,
  { maxBytes, place }: { maxBytes: number; place: Pick<BodyPlace, "grow"> },
): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest of the body.
    if (bytes > maxBytes) return null;
    attempted.grow(bytes);
    await place.grow(bytes, attempted.signal);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The length of the body in bytes; infinite if the headers do not say it. */
function lengthOf(headers: Headers): number {
  // content-length is the compressed length of a compressed body, and is wrong if the body is chunked.
  if (headers.has("content-encoding") || headers.has("transfer-encoding")) return Infinity;
  return Number(headers.get("content-length") ?? Infinity);
}
