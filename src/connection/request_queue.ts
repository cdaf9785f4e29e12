/**
 * The order in which one session's requests run (REQ3, REQ5).
 */

/** Something to do for a request; settles when it is answered, and never rejects. */
export interface QueuedRequest {
  readonly rid: number;
  readonly barrier: boolean;
  run(): Promise<void>;
}

/** What a {@linkcode RequestQueue} needs. */
export interface RequestQueueOptions {
  readonly limits: { readonly maxInflight: number; readonly maxWaiting: number };
  /** Asked before a request starts; where it may not, `proceed` is to be called when it may. */
  readonly mayStart: () => boolean;
  /** Called each time the last request was answered. */
  readonly onIdle: () => void;
}

/** Side by side, up to a limit, but for barriers: those run alone. */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  /** The rids of all that run or wait. */
  readonly #rids = new Set<number>();
  readonly #waiting: QueuedRequest[] = [];
  #inflight = 0;
  #barrierRuns = false;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  /** Whether nothing runs or waits. */
  get idle(): boolean {
    return this.#rids.size === 0;
  }

  /** Whether a request with that rid is still being answered. */
  has(rid: number): boolean {
    return this.#rids.has(rid);
  }

  /** Whether one more may be added: true while one could start, or there is room to wait. */
  get hasRoom(): boolean {
    return this.#waiting.length < this.#options.limits.maxWaiting;
  }

  /** Adds a request, and starts it as soon as its turn has come. */
  add(request: QueuedRequest): void {
    this.#rids.add(request.rid);
    this.#waiting.push(request);
    this.proceed();
  }

  /** Starts all requests whose turn has come. */
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
      if (this.idle) this.#options.onIdle();
    });
  }
}
