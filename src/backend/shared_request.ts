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

/** What a request needs to know of a caller. */
export interface Joining {
  /** Aborted when the caller does not want the answer any more. */
  readonly signal: AbortSignal;
  /**
   * Called with the number of bytes of the answer's body before they are kept: when the head has come,
   * or again and again as the body comes. If it gives false, the caller gets {@linkcode NoRoom}, and
   * the rest is not read for it. Default: there is always room.
   */
  readonly takes?: (bytes: number) => boolean;
}

/** A caller has no room for the answer (LIM8). It may ask again. */
export class NoRoom extends Error {}

/** A caller that waits. */
interface Waiting extends PromiseWithResolvers<Outcome> {
  readonly takes: NonNullable<Joining["takes"]>;
}

/** A request that has not been answered yet, and its callers. */
export class SharedRequest {
  readonly api: Api;
  readonly request: BackendRequest;
  readonly key: string | null;
  readonly #context: SharedRequestContext;
  readonly #abort = new AbortController();
  readonly #callers = new Set<Waiting>();
  /** How many bytes of the answer's body are known of. */
  #bytes = 0;
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
   * @throws {NoRoom} The caller does not take the answer
   * @throws The signal's reason
   */
  async join({ signal, takes = () => true }: Joining): Promise<Outcome> {
    if (this.#bytes > 0 && !takes(this.#bytes)) throw new NoRoom();
    const { timeouts } = this.#context;
    const caller = { ...Promise.withResolvers<Outcome>(), takes };
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

  /** Notes how many bytes of the answer's body are known of. Callers without room for them leave. */
  grow(bytes: number): void {
    this.#bytes = bytes;
    for (const caller of this.#callers) {
      if (caller.takes(bytes)) continue;
      caller.reject(new NoRoom());
      this.#leave(caller, "given_up");
    }
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

  #leave(caller: Waiting, outcome: string): void {
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
