/**
 * One request to an API and all callers that wait for its answer: later callers may join it, and when
 * the last caller has left, it is aborted (BCK6).
 */
import { getLogger } from "@logtape/logtape";
import type { Metrics } from "../observe/metrics.ts";
import { type Api, APIS } from "./apis.ts";
import type { BackendAnswer, BackendRequest, Failure, Outcome } from "./attempt.ts";
import type { Expiring, Timeouts } from "./timeouts.ts";

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

/** A caller that waits, until the request is answered, its timeout is over or its signal aborts. */
class Waiting implements Expiring, EventListenerObject {
  readonly #shared: SharedRequest;
  readonly #joining: Joining;
  readonly #outcome = Promise.withResolvers<Outcome>();

  constructor(shared: SharedRequest, joining: Joining) {
    this.#shared = shared;
    this.#joining = joining;
    joining.signal.addEventListener("abort", this);
  }

  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  takes(bytes: number): boolean {
    return this.#joining.takes?.(bytes) ?? true;
  }

  resolve(outcome: Outcome): void {
    this.#end();
    this.#outcome.resolve(outcome);
  }

  reject(error: unknown): void {
    this.#end();
    this.#outcome.reject(error);
  }

  expire(): void {
    this.#shared.expire(this);
  }

  /** Called when the signal aborts. */
  handleEvent(): void {
    this.#shared.leave(this, this.#joining.signal.reason);
  }

  #end(): void {
    this.#joining.signal.removeEventListener("abort", this);
  }
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
  join(joining: Joining): Promise<Outcome> {
    const caller = new Waiting(this, joining);
    this.#callers.add(caller);
    this.#context.timeouts.start(caller);
    if (joining.signal.aborted) this.leave(caller, joining.signal.reason);
    else if (this.#bytes > 0 && !caller.takes(this.#bytes)) this.leave(caller, new NoRoom());
    return caller.outcome;
  }

  /** Called when a caller has waited for long enough. */
  expire(caller: Waiting): void {
    const { ms } = this.#context.timeouts;
    const failure: Failure = this.#isSent
      ? { slug: "backend-timeout", reason: `no whole answer within ${ms} ms` }
      : { slug: "overloaded", reason: `no free place in its pool within ${ms} ms` };
    // Callers who come later get a request of their own. Else callers who join again and again would
    // keep a request alive that is never answered.
    this.#context.joinable.remove(this);
    warn(this.api, failure);
    caller.resolve(failure);
    this.#remove(caller, failure.slug);
  }

  /** Called when a caller does not want the answer any more. */
  leave(caller: Waiting, reason: unknown): void {
    caller.reject(reason);
    this.#remove(caller, "given_up");
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
      if (!caller.takes(bytes)) this.leave(caller, new NoRoom());
    }
  }

  /** Gives all callers the answer. */
  answer(answer: BackendAnswer): void {
    this.#settle(answer.status);
    this.#tellAll((caller) => caller.resolve(answer));
  }

  /** Tells all callers why there is no answer. */
  fail(failure: Failure): void {
    this.#settle(failure.slug);
    warn(this.api, failure);
    this.#tellAll((caller) => caller.resolve(failure));
  }

  /** Rejects all callers with an error that should never happen. */
  crash(defect: unknown): void {
    this.#settle("given_up");
    this.#tellAll((caller) => caller.reject(defect));
    this.#abort.abort();
  }

  #tellAll(tell: (caller: Waiting) => void): void {
    for (const caller of this.#callers) {
      this.#context.timeouts.end(caller);
      tell(caller);
    }
    this.#callers.clear();
  }

  #remove(caller: Waiting, outcome: string): void {
    this.#context.timeouts.end(caller);
    this.#callers.delete(caller);
    if (this.#callers.size > 0 || this.#isOver) return;
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
