/**
 * The existing APIs, reached over HTTP; the only caller of fetch. Commands and reloads ask here.
 */
import { Pool } from "./pool.ts";
import { attempt, type BackendAnswer, type BackendRequest, type Failure } from "./attempt.ts";
import { getLogger } from "@logtape/logtape";
import { delay } from "../util/delay.ts";
import type { Metrics } from "../observe/metrics.ts";
import { CommandError } from "../protocol/errors.ts";
import { Timeouts } from "./timeouts.ts";

export type { BackendAnswer };

const logger = getLogger(["wss", "backend"]);

/** The APIs that there are, by the name that the protocol gives them. */
export type Api = "user" | "notification" | "schedule" | "tournament";

/** A GET, less who asks: two of them that are equal, with equal tokens, are the same request. */
export interface ListRequest {
  readonly api: Api;
  /** Becomes one more, percent-encoded, segment of the path (BCK5). */
  readonly id?: string;
  /** In the order in which they go into the URL. */
  readonly query?: readonly (readonly [name: string, value: string])[];
}

/** For whom a request is made. */
export interface Caller {
  /** Goes as the `Authorization` header, to the APIs that get it (BCK2). */
  readonly token: string | null;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
}

/** The APIs, with pools, timeouts, tries and shared requests. */
export interface Backend {
  /** Whether the API has a URL. */
  has(api: Api): boolean;
  /** By API: how many requests run, and how many wait for a place. */
  readonly pools: Readonly<Record<Api, Pick<Pool, "inUse" | "waiting">>>;
  /**
   * Asks; identical requests are shared as BCK6 says.
   *
   * @throws {CommandError} `backend-…` or `overloaded`
   */
  get(request: ListRequest, caller: Caller): Promise<BackendAnswer>;
  /** The same for GETs that are the same request; holds the token where the API gets it. */
  keyOf(request: ListRequest, token: string | null): string;
  /** Later GETs of the API get an answer of their own, not that of one under way. */
  shareNoMore(api: Api): void;
  /**
   * Sends JSON, once. The body of an ok answer is not looked at.
   *
   * @throws {CommandError} `backend-…` or `overloaded`
   */
  put(api: Api, body: string, caller: Caller): Promise<BackendAnswer>;
}

/** What {@linkcode createBackend} needs. */
export interface BackendOptions {
  /** Base URLs; an API without one can't be asked. */
  readonly urls: Readonly<Record<Api, URL | undefined>>;
  /** Requests at once for each API, and as many more waiting (BCK3). */
  readonly poolSize: number;
  /** Milliseconds from the asking to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Bytes of an answer's body. */
  readonly maxBytes: number;
  readonly metrics: Pick<
    Metrics,
    "backendRequests" | "backendRetries" | "backendShared" | "backendSeconds"
  >;
}

const TRAITS: Record<Api, { withToken: boolean; joinable: "under way" | "unsent" }> = {
  user: { withToken: true, joinable: "under way" },
  notification: { withToken: true, joinable: "unsent" },
  schedule: { withToken: false, joinable: "unsent" },
  tournament: { withToken: false, joinable: "under way" },
};

/** Milliseconds before the second and the third try of a GET, less jitter (BCK4). */
const RETRY_DELAYS_MS = [100, 400];

/** One request on its way, and all who wait for its answer. */
interface Job {
  readonly api: Api;
  readonly key: string | null;
  readonly request: BackendRequest;
  readonly abort: AbortController;
  readonly askers: Set<PromiseWithResolvers<BackendAnswer>>;
  sent: boolean;
  /** Whether it is known, and counted, what came of it. */
  isOver: boolean;
}

/** Makes a {@linkcode Backend}. */
export function createBackend(
  { urls, poolSize, timeoutMs, maxBytes, metrics }: BackendOptions,
): Backend {
  const pools: Record<Api, Pool> = {
    user: new Pool(poolSize),
    notification: new Pool(poolSize),
    schedule: new Pool(poolSize),
    tournament: new Pool(poolSize),
  };
  const bases = new Map(
    Object.entries(urls).flatMap(([api, url]) =>
      url ? [[api, { path: `${url.origin}${url.pathname}`, query: url.search.slice(1) }]] : []
    ),
  );
  const timeouts = new Timeouts(timeoutMs);
  /** Jobs that may be joined. */
  const joinable = new Map<string, Job>();

  function error(api: Api, failure: Failure): CommandError {
    const { slug, reason, retryAfterMs } = failure;
    return new CommandError({
      slug,
      message: `Cannot ask the ${api} API: ${reason}`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  /** Counts what came of a job, once; nobody joins it any more. */
  function settle(job: Job, outcome: string): void {
    if (job.isOver) return;
    job.isOver = true;
    closeToJoiners(job);
    metrics.backendRequests.inc({ api: job.api, outcome });
  }

  function fail(job: Job, failure: Failure): void {
    settle(job, failure.slug);
    warn(job.api, failure);
    for (const asker of job.askers) asker.reject(error(job.api, failure));
  }

  function warn(api: Api, { slug, reason }: Failure): void {
    if (slug === "backend-refused") return;
    logger.warn("Requests to the {api} API fail, {slug}: {reason}; is it up, and its URL right?", {
      api,
      slug,
      reason,
    });
  }

  function leave(
    job: Job,
    { asker, outcome }: { asker: PromiseWithResolvers<BackendAnswer>; outcome: string },
  ): void {
    if (!job.askers.delete(asker) || job.askers.size > 0 || job.isOver) return;
    settle(job, outcome);
    job.abort.abort();
  }

  function closeToJoiners(job: Job): void {
    if (job.key !== null && joinable.get(job.key) === job) joinable.delete(job.key);
  }

  async function run(job: Job): Promise<void> {
    const { api, request, abort: { signal } } = job;
    const leavePool = await pools[api].enter(signal);
    if (leavePool === "full") {
      return fail(job, { slug: "overloaded", reason: "too many requests are waiting for it" });
    }
    if (leavePool === "aborted") return;
    const endTimer = metrics.backendSeconds.startTimer({ api });
    try {
      job.sent = true;
      if (TRAITS[api].joinable === "unsent") closeToJoiners(job);
      for (let tries = 0;; tries++) {
        const outcome = await attempt(request, { signal, maxBytes });
        if (signal.aborted) return;
        if ("status" in outcome) {
          settle(job, outcome.status);
          for (const asker of job.askers) asker.resolve(outcome);
          return;
        }
        const delayMs = outcome.again && request.method === "GET" && RETRY_DELAYS_MS[tries];
        if (!delayMs) return fail(job, outcome);
        await delay(delayMs * (0.75 + Math.random() / 2), signal);
        if (signal.aborted) return;
        metrics.backendRetries.inc({ api });
      }
    } finally {
      endTimer();
      leavePool();
    }
  }

  function start(job: Job): void {
    run(job).catch((defect) => job.askers.forEach((asker) => asker.reject(defect)));
  }

  /** Waits for a job's answer, no longer than the timeout or the signal allow. */
  async function join(job: Job, { signal }: Caller): Promise<BackendAnswer> {
    const asker = Promise.withResolvers<BackendAnswer>();
    job.askers.add(asker);
    let outcome = "given_up";
    const endTimeout = timeouts.start(() => {
      const failure: Failure = job.sent
        ? { slug: "backend-timeout", reason: `no whole answer within ${timeoutMs} ms` }
        : { slug: "overloaded", reason: `no free place in its pool within ${timeoutMs} ms` };
      outcome = failure.slug;
      warn(job.api, failure);
      asker.reject(error(job.api, failure));
    });
    const onAbort = () => asker.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await asker.promise;
    } finally {
      endTimeout();
      signal.removeEventListener("abort", onAbort);
      leave(job, { asker, outcome });
    }
  }

  function createJob(api: Api, request: BackendRequest, key: string | null): Job {
    return {
      api,
      key,
      request,
      abort: new AbortController(),
      askers: new Set(),
      sent: false,
      isOver: false,
    };
  }

  /** As text: it is what is compared, and a copy of the URL would be parsed once more for each name. */
  function urlOf({ api, id, query = [] }: ListRequest): string {
    const base = bases.get(api);
    if (!base) throw new Error(`The ${api} API has no URL`);
    const path = id === undefined
      ? base.path
      : `${base.path.replace(/\/$/, "")}/${encodeURIComponent(id.toWellFormed())}`;
    const added = new URLSearchParams(query.map(([name, value]) => [name, value])).toString();
    const all = [base.query, added].filter((part) => part !== "").join("&");
    return `${path}${all && "?"}${all}`;
  }

  function keyOf(request: ListRequest, token: string | null): string {
    return keyOfUrl(request.api, { url: urlOf(request), token });
  }

  function keyOfUrl(api: Api, { url, token }: { url: string; token: string | null }): string {
    return `${url} ${TRAITS[api].withToken ? token ?? "" : ""}`;
  }

  function headers(api: Api, token: string | null): Record<string, string> {
    const accept = "application/json";
    return token !== null && TRAITS[api].withToken ? { accept, authorization: token } : { accept };
  }

  return {
    has: (api) => urls[api] !== undefined,

    pools,

    keyOf,

    get(request, caller) {
      const { api } = request;
      const url = urlOf(request);
      const key = keyOfUrl(api, { url, token: caller.token });

      let job = joinable.get(key);
      if (!job) {
        const request = {
          method: "GET",
          url,
          headers: headers(api, caller.token),
          body: null,
        } as const;
        job = createJob(api, request, key);
        joinable.set(key, job);
        start(job);
      } else {
        metrics.backendShared.inc({ api });
      }
      return join(job, caller);
    },

    shareNoMore(api) {
      for (const job of joinable.values()) if (job.api === api) closeToJoiners(job);
    },

    put(api, body, caller) {
      const request = {
        method: "PUT",
        url: urlOf({ api }),
        headers: {
          ...headers(api, caller.token),
          "content-type": "application/json; charset=utf-8",
        },
        body,
      } as const;
      const job = createJob(api, request, null);
      start(job);
      return join(job, caller);
    },
  };
}
