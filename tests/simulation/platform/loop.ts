/**
 * The event loop of a simulation, in virtual time. All that happens, in the service and around it, is a
 * task of this loop, and all promises of a task are settled before the next task begins.
 */
import type { Random } from "./random.ts";

/** When every simulation begins, in milliseconds since 1970. */
export const EPOCH_MS = Date.UTC(2027, 0, 1);

/** The longest that a callback of `setImmediate` waits, and by how much a timer is late. */
const TURN_MS = 0.9;

/** A process of the simulation. Its tasks end with it. */
export interface Process {
  readonly name: string;
  /** Timers and intervals that are set. */
  timers: number;
  isDead: boolean;
  /** Callbacks of `setImmediate`. */
  immediates: (() => void)[];
}

/** Something that happens at its time. */
export interface Task {
  at: number;
  readonly seq: number;
  readonly run: () => void;
  readonly process: Process | null;
  readonly isTimer: boolean;
  isOver: boolean;
}

export function createProcess(name: string): Process {
  return { name, timers: 0, isDead: false, immediates: [] };
}

/** Virtual time, and what is to happen in it. */
export class Loop {
  /** Milliseconds since 1970. */
  now: number = EPOCH_MS;
  /** The process whose code runs; `null` outside of the service. */
  process: Process | null = null;
  /** Timers of the service that have fired. */
  fired = 0;
  readonly #turn: () => Promise<void>;
  readonly #random: Random;
  readonly #heap: Task[] = [];
  /** Callbacks of `setImmediate` that run now. */
  #due: (() => void)[] = [];
  #seq = 0;

  /** @param options.turn Resolves when all promises of the platform are settled */
  constructor({ turn, random }: { turn: () => Promise<void>; random: Random }) {
    this.#turn = turn;
    this.#random = random;
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return this.now - EPOCH_MS;
  }

  /** Lets something happen after a time, as a task of a process, or of the world around the service. */
  after(ms: number, run: () => void, process: Process | null = null): Task {
    return this.#add({ at: this.now + ms, run, process, isTimer: false });
  }

  /** A timer of the process whose code runs. It may be a little late, as real ones are. */
  setTimer(ms: number, run: () => void): Task {
    const { process } = this;
    const task = this.#add({ at: this.now + this.#late(ms), run, process, isTimer: true });
    if (process) process.timers++;
    return task;
  }

  setInterval(ms: number, run: () => void): Task {
    const { process } = this;
    const again = () => {
      if (first.isOver) return;
      run();
      if (!first.isOver) this.#push(first, this.now + this.#late(ms));
    };
    const first = this.#add({ at: this.now + this.#late(ms), run: again, process, isTimer: true });
    if (process) process.timers++;
    intervals.add(first);
    return first;
  }

  clear(task: Task | undefined): void {
    if (!task || task.isOver) return;
    task.isOver = true;
    if (task.isTimer && task.process) task.process.timers--;
  }

  /** Calls back in the next turn of the process, with all others that ask for it in this one. */
  setImmediate(run: () => void): void {
    const { process } = this;
    if (!process) throw new Error("setImmediate outside of the service");
    process.immediates.push(run);
    if (process.immediates.length > 1) return;
    this.after(TURN_MS * this.#random.roll("turn") ** 3, () => {
      this.#due = process.immediates;
      process.immediates = [];
    }, process);
  }

  /** Does the next task. Gives false if there is none until a time, which is then now. */
  async step(until: number): Promise<boolean> {
    let task = this.#heap[0];
    while (task && (task.isOver || task.process?.isDead)) {
      this.#pop();
      task = this.#heap[0];
    }
    if (!task || task.at > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.#pop();
    this.now = Math.max(this.now, task.at);
    this.process = task.process;
    if (task.isTimer) {
      this.fired++;
      if (!intervals.has(task)) this.clear(task);
    }
    task.run();
    await this.#turn();
    // Callbacks of `setImmediate` have a turn each, before anything else of their process.
    while (this.#due.length > 0) {
      this.#due.shift()?.();
      await this.#turn();
    }
    this.process = null;
    return true;
  }

  #late(ms: number): number {
    return Math.max(0, Number(ms) || 0) + TURN_MS * this.#random.roll("late");
  }

  #add(init: Omit<Task, "seq" | "isOver">): Task {
    const task = { ...init, seq: 0, isOver: false };
    this.#push(task, task.at);
    return task;
  }

  #push(task: Task, at: number): void {
    task.at = at;
    (task as { seq: number }).seq = this.#seq++;
    const heap = this.#heap;
    let i = heap.push(task) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(task, heap[parent] as Task)) break;
      heap[i] = heap[parent] as Task;
      i = parent;
    }
    heap[i] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Task;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) {
        child++;
      }
      if (!isBefore(heap[child] as Task, last)) break;
      heap[i] = heap[child] as Task;
      i = child;
    }
    heap[i] = last;
  }
}

const intervals = new WeakSet<Task>();

function isBefore(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}
