/** What happened in a run, one line for each step: its hash shows that two runs are the same. */
import { mix } from "./random.ts";

/** The trace of a run. */
export class Trace {
  /** Now, in milliseconds since the start. */
  now: () => number = () => 0;
  /** How many steps there were, by kind. */
  readonly counts: Record<StepKind, number> = {
    action: 0,
    record: 0,
    request: 0,
    frame: 0,
    answer: 0,
    timer: 0,
  };
  readonly #lines: string[] | null;
  #hash = 0;

  /** @param options.keepsLines Whether the lines are kept, not only their hash */
  constructor({ keepsLines }: { keepsLines: boolean }) {
    this.#lines = keepsLines ? [] : null;
  }

  /** Counts a step and notes it. */
  step(kind: StepKind, text: string): void {
    this.counts[kind]++;
    this.note(text);
  }

  /** Notes something that is no step. */
  note(text: string): void {
    let hash = this.#hash ^ Math.floor(this.now() * 1000);
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = mix(hash, text.length);
    this.#lines?.push(`${this.now().toFixed(2).padStart(10)} ${text}`);
  }

  get steps(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  get hash(): string {
    return this.#hash.toString(16).padStart(8, "0");
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }
}

/** A step: one event of the schedule. */
export type StepKind =
  /** Something that the schedule says. */
  | "action"
  /** A record, or other news of the log, that an instance takes. */
  | "record"
  /** A request that a client sends, also by itself. */
  | "request"
  /** A frame that a client takes. */
  | "frame"
  /** An answer of a backend. */
  | "answer"
  /** A timer of the service. */
  | "timer";
