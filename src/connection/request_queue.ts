/**
 * The order in which one session's requests run (REQ3, REQ5).
 */

/** A request to be run. */
export interface QueuedRequest {
  readonly rid: number;
  /** Whether it runs alone. */
  readonly barrier: boolean;
  /** Resolves when the request is answered; never rejects. */
  run(): Promise<void>;
}

/** What a {@linkcode RequestQueue} needs. */
export interface RequestQueueOptions {
  readonly limits: { readonly maxInflight: number; readonly maxWaiting: number };
  /** Asked before a request starts. If it gives false, call `proceed` when requests may start again. */
  readonly mayStart: () => boolean;
  /** Called each time that all requests are answered. */
  readonly onIdle: () => void;
}

/** Runs requests side by side, up to a limit. A barrier runs alone. */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  /** The rids of all requests that run or wait. */
  readonly #rids = new Set<number>();
  readonly #waiting: QueuedRequest[] = [];
  #inflight = 0;
  #barrierRuns = false;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  /** Whether no request runs or waits. */
  get isIdle(): boolean {
    return this.#rids.size === 0;
  }

  /** Whether a request with this rid runs or waits. */
  has(rid: number): boolean {
    return this.#rids.has(rid);
  }

  /** Whether one more request may wait. */
  get hasRoom(): boolean {
    return this.#waiting.length < this.#options.limits.maxWaiting;
  }

  /** Adds a request, and starts it as soon as the order allows it. */
  add(request: QueuedRequest): void {
    this.#rids.add(request.rid);
    this.#waiting.push(request);
    this.proceed();
  }

  /** Starts all requests that may start now. */
  proceed(): void {
    for (let next = this.#waiting[0]; next && this.#isDue(next); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#start(next);
    }
  }

  #isDue({ barrier }: QueuedRequest): boolean {
    if (this.#barrierRuns) return false;
    if (barrier ? this.#inflight > 0 : this.#inflight >= this.#options.limits.maxInflight) {
      return false;
    }
    return this.#options.mayStart();
  }

  #start(request: QueuedRequest): void {
    this.#inflight++;
    this.#barrierRuns = request.barrier;
    request.run().then(() => {
      this.#inflight--;
      this.#rids.delete(request.rid);
      if (request.barrier) this.#barrierRuns = false;
      this.proceed();
      if (this.isIdle) this.#options.onIdle();
    });
  }
}
