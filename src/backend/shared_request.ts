/**
 * One request to an API and all callers that wait for its answer: later callers may join it, and when
 * the last caller has left, it is aborted (BCK6).
 */
import { getLogger } from "@logtape/logtape";
import type { Metrics } from "../observe/metrics.ts";
import { type Api, APIS } from "./apis.ts";
import type { BackendAnswer, BackendRequest, Failure, Outcome } from "./attempt.ts";
import type { Timeouts } from "./timeouts.ts";

const logger = getLogger(["wss", "backend"]);

/** What all requests share. */
export interface SharedRequestContext {
  /** The time that each caller waits for its answer. */
  readonly timeouts: Timeouts;
  readonly joinable: JoinableRequests;
  readonly metrics: Pick<Metrics, "backendRequests">;
}

/** Which API to ask, and how. */
export interface SharedRequestInit {
  readonly api: Api;
  readonly request: BackendRequest;
  /** Callers with the same key may join; `null` if nobody may. */
  readonly key: string | null;
}

/** A request that has not been answered yet, and its callers. */
export class SharedRequest {
  readonly api: Api;
  readonly request: BackendRequest;
  readonly key: string | null;
  readonly #context: SharedRequestContext;
  readonly #abort = new AbortController();
  readonly #callers = new Set<PromiseWithResolvers<Outcome>>();
  #isSent = false;
  /** Whether the outcome is known, and counted. */
  #isOver = false;

  constructor({ api, request, key }: SharedRequestInit, context: SharedRequestContext) {
    this.api = api;
    this.request = request;
    this.key = key;
    this.#context = context;
    context.joinable.add(this);
  }

  /** Aborted when no caller wants the answer any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Waits for the answer, as long as the caller's own timeout and signal allow.
   *
   * @throws The signal's reason
   */
  async join(signal: AbortSignal): Promise<Outcome> {
    const { timeouts } = this.#context;
    const caller = Promise.withResolvers<Outcome>();
    this.#callers.add(caller);
    let outcome = "given_up";
    const endTimeout = timeouts.start(() => {
      const failure: Failure = this.#isSent
        ? { slug: "backend-timeout", reason: `no whole answer within ${timeouts.ms} ms` }
        : { slug: "overloaded", reason: `no free place in its pool within ${timeouts.ms} ms` };
      outcome = failure.slug;
      // Callers who come later get a request of their own. Else callers who join again and again would
      // keep a request alive that is never answered.
      this.#context.joinable.remove(this);
      warn(this.api, failure);
      caller.resolve(failure);
    });
    const onAbort = () => caller.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await caller.promise;
    } finally {
      endTimeout();
      signal.removeEventListener("abort", onAbort);
      this.#leave(caller, outcome);
    }
  }

  /** Called when the request has its place in the pool, and is about to be sent. */
  sent(): void {
    this.#isSent = true;
    if (APIS[this.api].joinable === "unsent") this.#context.joinable.remove(this);
  }

  /** Gives all callers the answer. */
  answer(answer: BackendAnswer): void {
    this.#settle(answer.status);
    for (const caller of this.#callers) caller.resolve(answer);
  }

  /** Tells all callers why there is no answer. */
  fail(failure: Failure): void {
    this.#settle(failure.slug);
    warn(this.api, failure);
    for (const caller of this.#callers) caller.resolve(failure);
  }

  /** Rejects all callers with an error that should never happen. */
  crash(defect: unknown): void {
    for (const caller of this.#callers) caller.reject(defect);
  }

  #leave(caller: PromiseWithResolvers<Outcome>, outcome: string): void {
    if (!this.#callers.delete(caller) || this.#callers.size > 0 || this.#isOver) return;
    this.#settle(outcome);
    this.#abort.abort();
  }

  /** Counts the outcome, once; from now on nobody can join. */
  #settle(outcome: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#context.joinable.remove(this);
    this.#context.metrics.backendRequests.inc({ api: this.api, outcome });
  }
}

/** The requests that a new caller may join, by key. */
export class JoinableRequests {
  readonly #byKey = new Map<string, SharedRequest>();

  get(key: string): SharedRequest | undefined {
    return this.#byKey.get(key);
  }

  add(request: SharedRequest): void {
    if (request.key !== null) this.#byKey.set(request.key, request);
  }

  /** Takes a request out; another one with the same key stays. */
  remove(request: SharedRequest): void {
    const { key } = request;
    if (key !== null && this.#byKey.get(key) === request) this.#byKey.delete(key);
  }

  /** Takes all requests to an API out. */
  removeAll(api: Api): void {
    for (const request of this.#byKey.values()) if (request.api === api) this.remove(request);
  }
}

function warn(api: Api, { slug, reason }: Failure): void {
  // The API is up and answers. Its refusal of this request needs no operator.
  if (slug === "backend-refused") return;
  logger.warn(
    "A request to the {api} API failed with {slug}: {reason}; is the API up, and is its URL right?",
    { api, slug, reason },
  );
}
