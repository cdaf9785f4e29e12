/**
 * The existing APIs, reached over HTTP: commands and reloads ask them here. One request goes through
 * `shared_request` (the callers that wait for it), `pool` (when it may start) and `attempt` (one try
 * with fetch).
 */
import { delay } from "../util/delay.ts";
import { CommandError } from "../protocol/errors.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type Api, APIS, forEachApi } from "./apis.ts";
import {
  attempt,
  type AttemptOptions,
  type BackendAnswer,
  createHttpClients,
  errorOf,
  type Outcome,
} from "./attempt.ts";
import { BodyRoom } from "./places/body_room.ts";
import { Pool } from "./places/pool.ts";
import { queryOf } from "./query.ts";
import { RetryBudget } from "./retry_budget.ts";
import {
  JoinableRequests,
  type Joining,
  SharedRequest,
  type SharedRequestContext,
  type SharedRequestInit,
} from "./shared_request.ts";
import type { Holder } from "./places/shares.ts";
import { Timeouts } from "./timeouts.ts";

/** A GET without its caller. Two callers with equal values and equal tokens make the same request. */
export interface ListRequest {
  readonly api: Api;
  /** One more segment of the path; it is percent-encoded (BCK5). */
  readonly id?: string;
  /** Parameters, in the order in which the URL has them. */
  readonly query?: readonly (readonly [name: string, value: string])[];
}

/** The caller of a request. */
export interface Caller extends Joining {
  /** Sent as the `Authorization` header, to the APIs that get it (BCK2). */
  readonly token: string | null;
  /**
   * For whom it asks: whose place in the pool the request takes. If it joins one that waits, that
   * takes the better place of the two (LIM7).
   */
  readonly holder: Holder;
}

/** What a {@linkcode Backend} needs. */
export interface BackendOptions {
  /** Base URLs; an API without a URL cannot be asked. */
  readonly urls: Readonly<Record<Api, URL | undefined>>;
  /** How many requests to one API run at the same time; as many more may wait (BCK3). */
  readonly poolSize: number;
  /** Milliseconds from the call to the last byte of the answer. */
  readonly timeoutMs: number;
  /** The limit for an answer's body, in bytes. */
  readonly maxBytes: number;
  readonly metrics: Pick<
    Metrics,
    "backendRequests" | "backendRetries" | "backendShared" | "backendSeconds"
  >;
}

/** The most characters of a URL, which are all ASCII (LIM5). Servers refuse URLs of about this length. */
const MAX_URL_LENGTH = 16 * 1024;
/** Milliseconds before the second and the third try of a GET, ±25 % (BCK4). */
const RETRY_DELAYS_MS = [100, 400];

/** The APIs, with pools, timeouts, retries and shared requests. */
export class Backend {
  readonly #options: BackendOptions;
  readonly #bases: Readonly<Record<Api, { path: string; query: string } | undefined>>;
  readonly #pools: Readonly<Record<Api, Pool>>;
  readonly #retryBudgets: Readonly<Record<Api, RetryBudget>>;
  readonly #joinable = new JoinableRequests();
  readonly #bodies: Readonly<Record<Api, BodyRoom>>;
  readonly #shared: SharedRequestContext;
  readonly #attempts: AttemptOptions;

  constructor(options: BackendOptions) {
    const { urls, poolSize, timeoutMs, maxBytes, metrics } = options;
    this.#options = options;
    this.#bases = forEachApi((api) => {
      const url = urls[api];
      return url && { path: `${url.origin}${url.pathname}`, query: url.search.slice(1) };
    });
    this.#pools = forEachApi(() => new Pool(poolSize));
    this.#retryBudgets = forEachApi(() => new RetryBudget());
    this.#attempts = { maxBytes, clients: createHttpClients() };
    this.#bodies = forEachApi(() => new BodyRoom(maxBytes));
    this.#shared = { timeouts: new Timeouts(timeoutMs), joinable: this.#joinable, metrics };
  }

  /** How many requests run, and how many wait for a place, by API. */
  get pools(): Readonly<Record<Api, Pick<Pool, "inUse" | "waiting">>> {
    return this.#pools;
  }

  /** Whether the API has a URL. */
  has(api: Api): boolean {
    return this.#bases[api] !== undefined;
  }

  /**
   * Refuses a GET whose URL would be too long (LIM5).
   *
   * @throws {CommandError} `invalid-options`
   */
  refuseLongUrl(list: ListRequest): void {
    this.#shortUrlOf(list);
  }

  /**
   * Sends a GET, or joins an identical one that was asked for before (BCK6).
   *
   * @throws {CommandError} `invalid-options` if the URL would be too long, `backend-…` or `overloaded`
   * @throws {NoRoom} The caller does not take the answer
   */
  async get(list: ListRequest, caller: Caller): Promise<BackendAnswer> {
    return answerOf(list.api, await this.ask(list, caller));
  }

  /**
   * The same as {@linkcode get}, but gives a failure instead of throwing it.
   *
   * @throws {CommandError} `invalid-options` if the URL would be too long
   * @throws {NoRoom} The caller does not take the answer
   */
  ask(list: ListRequest, caller: Caller): Promise<Outcome> {
    const { token, holder } = caller;
    const { api } = list;
    const url = this.#shortUrlOf(list);
    const sentToken = tokenFor(api, token);
    const key = keyOfUrl(url, sentToken);

    const joinable = this.#joinable.get(key);
    if (joinable) {
      this.#options.metrics.backendShared.inc({ api });
      this.#pools[api].join(holder, joinable);
      return joinable.join(caller);
    }
    const request = { method: "GET", url, headers: headersOf(sentToken), body: null } as const;
    return this.#start({ api, request, key }, holder).join(caller);
  }

  /**
   * Sends a PUT with JSON, once, on a connection of its own. The body of an `ok` answer is ignored.
   *
   * @throws {CommandError} `backend-…` or `overloaded`
   */
  async put(api: Api, body: string, caller: Caller): Promise<BackendAnswer> {
    const { token, holder } = caller;
    const url = this.#urlOf({ api });
    const headers = {
      ...headersOf(tokenFor(api, token)),
      "content-type": "application/json; charset=utf-8",
    };
    const request = { method: "PUT", url, headers, body } as const;
    return answerOf(api, await this.#start({ api, request, key: null }, holder).join(caller));
  }

  /** From now on no GET of the API joins one that was asked for before. */
  shareNoMore(api: Api): void {
    this.#joinable.removeAll(api);
  }

  /** Closes what the runtime keeps open; from now on every request fails. */
  close(): void {
    const { get, put } = this.#attempts.clients;
    get.close();
    put.close();
  }

  #start(init: SharedRequestInit, holder: Holder): SharedRequest {
    const shared = new SharedRequest(init, this.#shared);
    this.#run(shared, holder).catch((defect) => shared.crash(defect));
    return shared;
  }

  /** Waits for a place in the pool, and tries until there is an answer or no try left. */
  async #run(shared: SharedRequest, holder: Holder): Promise<void> {
    const { api, request, signal } = shared;
    const { metrics } = this.#options;
    // Also if there is a place at once, identical GETs of the same turn join before it is sent (BCK6).
    const leavePool = await this.#pools[api].enter(holder, shared);
    if (leavePool === "full") {
      return shared.fail({ slug: "overloaded", reason: "too many requests are waiting for it" });
    }
    if (leavePool === "aborted") return;
    const startedAt = performance.now();
    const budget = this.#retryBudgets[api];
    const bodies = this.#bodies[api];
    try {
      shared.sent();
      budget.noteRequest(startedAt);
      for (let tries = 0;; tries++) {
        const place = bodies.begin();
        const outcome = await attempt(shared, this.#attempts, place).finally(() => place.leave());
        if (signal.aborted) return;
        if ("status" in outcome) return shared.answer(outcome);
        const delayMs = outcome.again && request.method === "GET" && RETRY_DELAYS_MS[tries];
        if (!delayMs || !budget.take(performance.now())) return shared.fail(outcome);
        await delay(delayMs * (0.75 + Math.random() / 2), signal);
        if (signal.aborted) return;
        metrics.backendRetries.inc({ api });
      }
    } finally {
      metrics.backendSeconds.observe({ api }, (performance.now() - startedAt) / 1000);
      leavePool();
    }
  }

  /** @throws {CommandError} `invalid-options`: the URL is too long (LIM5) */
  #shortUrlOf(list: ListRequest): string {
    const url = this.#urlOf(list);
    if (url.length <= MAX_URL_LENGTH) return url;
    throw new CommandError({
      slug: "invalid-options",
      path: "options",
      message: `Cannot ask the ${list.api} API: the URL would have ${url.length} characters, ` +
        `expected at most ${MAX_URL_LENGTH}`,
    });
  }

  /** The URL as text: keys compare it, and a `URL` would be parsed again for each parameter. */
  #urlOf({ api, id, query = [] }: ListRequest): string {
    const base = this.#bases[api];
    if (!base) throw new Error(`The ${api} API has no URL`);
    const path = id === undefined
      ? base.path
      : `${base.path.replace(/\/$/, "")}/${encodeURIComponent(id.toWellFormed())}`;
    const added = queryOf(query);
    const all = base.query && added ? `${base.query}&${added}` : base.query || added;
    return `${path}${all && "?"}${all}`;
  }
}

/** @throws {CommandError} `backend-…` or `overloaded` */
function answerOf(api: Api, outcome: Outcome): BackendAnswer {
  if ("slug" in outcome) throw errorOf(api, outcome);
  return outcome;
}

/** The token, if it is sent to the API. */
function tokenFor(api: Api, token: string | null): string | null {
  return APIS[api].withToken ? token : null;
}

function keyOfUrl(url: string, token: string | null): string {
  return `${url} ${token ?? ""}`;
}

function headersOf(token: string | null): Record<string, string> {
  const accept = "application/json";
  return token === null ? { accept } : { accept, authorization: token };
}
