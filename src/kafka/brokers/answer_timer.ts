/**
 * Tells when to give up an answer of a broker. A large answer over a slow line may take minutes, so the
 * limit is for silence. A line that is slower than {@linkcode MIN_BYTES_PER_SECOND} is given up as well.
 */

/**
 * The least rate at which an answer may arrive, on average since its first bytes: that of a line of
 * 128 kbit/s. A batch of 64 MiB takes at most 70 minutes, and one minute at 1 MB a second.
 */
export const MIN_BYTES_PER_SECOND = 16_384;
/** Milliseconds for reading bytes that are there. */
const READ_MS = 100;

/** What an {@linkcode AnswerTimer} needs. */
export interface AnswerTimerOptions {
  /** Milliseconds until the first bytes, and between two pieces. */
  readonly limitMs: number;
  /** Called once, with the reason, unless the timer was stopped before. */
  readonly onExpiry: (reason: string) => void;
}

/** The time limit of one answer. It runs from its construction until it expires or is stopped. */
export class AnswerTimer {
  readonly #limitMs: number;
  readonly #onExpiry: (reason: string) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #byteCount = 0;
  /** When the first bytes came, on the clock of `performance.now()`. */
  #firstAt: number | undefined;
  #isOver = false;

  constructor({ limitMs, onExpiry }: AnswerTimerOptions) {
    this.#limitMs = limitMs;
    this.#onExpiry = onExpiry;
    this.#expireIn(limitMs, `no answer within ${limitMs} ms`);
  }

  /** Notes that bytes have arrived, be they of this answer or of one in front of it. */
  onBytes(count: number): void {
    if (this.#isOver) return;
    const now = performance.now();
    this.#firstAt ??= now;
    this.#byteCount += count;
    const earnedMs = 1000 * this.#byteCount / MIN_BYTES_PER_SECOND;
    const leftMs = this.#firstAt + this.#limitMs + earnedMs - now;
    const tooSlow = `no whole answer, as less than ${MIN_BYTES_PER_SECOND} bytes a second arrive`;
    const silent = `no whole answer, and no more of it for ${this.#limitMs} ms`;
    if (leftMs <= 0) this.#expire(tooSlow);
    else if (leftMs < this.#limitMs) this.#expireIn(leftMs, tooSlow);
    else this.#expireIn(this.#limitMs, silent);
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #expireIn(ms: number, reason: string): void {
    clearTimeout(this.#timer);
    const expire = () => this.#expire(reason);
    // If this process stood still for a while, the bytes may be there, and only not read yet.
    this.#timer = setTimeout(() => this.#timer = setTimeout(expire, READ_MS), ms);
  }

  #expire(reason: string): void {
    this.stop();
    this.#onExpiry(reason);
  }
}
