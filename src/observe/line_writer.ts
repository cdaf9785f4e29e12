/**
 * Writes log lines to stdout or stderr. Nobody may read them, or only later: lines wait in memory up to a
 * limit, and beyond it they are dropped. The service never waits for a reader.
 */
import { delay, isDoneWithin } from "../util/delay.ts";

/** The most characters that wait. */
const MAX_WAITING = 1_048_576;
/** Milliseconds in which lines are gathered for one write. */
const GATHER_MS = 20;
/** Milliseconds until the next try, if the reader has set the pipe to refuse in place of waiting. */
const RETRY_MS = 100;

/** What {@linkcode LineWriter} needs. */
export interface LineWriterOptions {
  /** Writes a part of the bytes, and gives how many. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** Called when lines are dropped. */
  readonly onDropped: (count: number) => void;
  /** Makes the line that says how many lines were dropped. */
  readonly describeDropped: (count: number) => string;
}

/** Writes lines in the background, in order. */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #waitingSize = 0;
  /** Lines that were dropped, and that no line tells of yet. */
  #untold = 0;
  /** Resolves when nothing waits; only there while something does. */
  #running: Promise<void> | undefined;
  /** Aborted at the end, which does not wait to gather lines. */
  readonly #ending = new AbortController();

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Writes a line soon, or drops it. Never throws. */
  write(line: string): void {
    // After a gap, nothing more is kept until the gap has its line.
    if (this.#untold > 0 || this.#waitingSize + line.length > MAX_WAITING) {
      this.#drop(1);
    } else {
      this.#waiting.push(line);
      this.#waitingSize += line.length;
    }
    this.#running ??= this.#run();
  }

  /** Writes what still waits, but takes only this long. */
  async end(ms: number): Promise<void> {
    this.#ending.abort();
    if (this.#running) await isDoneWithin(ms, this.#running);
  }

  #drop(count: number): void {
    this.#untold += count;
    this.#options.onDropped(count);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#untold > 0) {
      await delay(GATHER_MS, this.#ending.signal);
      const lines = this.#waiting;
      const missing = this.#untold;
      this.#waiting = [];
      this.#waitingSize = 0;
      this.#untold = 0;
      const told = missing === 0 ? lines : [...lines, this.#options.describeDropped(missing)];
      if (await this.#writeAll(this.#encoder.encode(`${told.join("\n")}\n`))) continue;
      // The next line tries again.
      this.#untold += missing;
      this.#drop(lines.length);
      break;
    }
    // At once, and not when the promise has resolved: a line that comes in between must begin anew.
    this.#running = undefined;
  }

  /** @returns False if the stream can't be written */
  async #writeAll(bytes: Uint8Array): Promise<boolean> {
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(await this.#options.write(bytes));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return false;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return true;
  }
}
