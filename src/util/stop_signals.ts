/**
 * Signals that ask the process to stop.
 */

/** The signals, and their numbers on every system. */
const SIGNALS = { SIGTERM: 15, SIGINT: 2 } as const;

/** The name of such a signal. */
export type StopSignal = keyof typeof SIGNALS;

/** Milliseconds in which a repeated signal counts as one. A terminal and `deno task` both pass Ctrl-C on. */
const SAME_SIGNAL_MS = 500;

/** Listens to SIGTERM and SIGINT, from its construction on. While it does, they do not end the process. */
export class StopSignals {
  /** Resolves with the first signal. */
  readonly first: Promise<StopSignal>;
  /** Resolves when one more signal comes. */
  readonly second: Promise<void>;
  readonly #listeners: readonly (readonly [StopSignal, () => void])[];
  #last: { readonly signal: StopSignal; readonly at: number } | undefined;

  constructor() {
    const first = Promise.withResolvers<StopSignal>();
    const second = Promise.withResolvers<void>();
    this.first = first.promise;
    this.second = second.promise;
    const listen = (signal: StopSignal) => () => {
      const at = performance.now();
      const last = this.#last;
      if (!last) first.resolve(signal);
      else if (signal !== last.signal || at - last.at > SAME_SIGNAL_MS) second.resolve();
      this.#last ??= { signal, at };
    };
    const names = Object.keys(SIGNALS) as StopSignal[];
    this.#listeners = names.map((signal) => [signal, listen(signal)] as const);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  /**
   * Stops listening, so that signals end the process again. If one has come already, it ends the process
   * here, with the exit code that a shell gives for it.
   */
  release(): void {
    if (this.#last) Deno.exit(128 + SIGNALS[this.#last.signal]);
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
