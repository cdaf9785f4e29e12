/**
 * Moments at which a connection is likely to be dead, though nothing has said so.
 */

/** Milliseconds between two looks at the clock. */
const TICK_MS = 1000;
/** Milliseconds that such a look may be late. After more, the device or the process has slept. */
const LATE_MS = 5000;
/** The same for a hidden page: browsers let its timers run only once a minute. */
const HIDDEN_LATE_MS = 90_000;

/** Watches for wake-ups, until it is stopped. */
export class WakeUps {
  readonly #onWake: () => void;
  readonly #ticking: ReturnType<typeof setInterval>;
  #tickedAt = Date.now();

  /** @param onWake Called when a page is shown again, and after a jump of the clock */
  constructor(onWake: () => void) {
    this.#onWake = onWake;
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    globalThis.addEventListener?.("pageshow" as string, this.#onPageShow as () => void);
    page()?.addEventListener?.("visibilitychange", this.#onVisibility);
  }

  stop(): void {
    clearInterval(this.#ticking);
    globalThis.removeEventListener?.("pageshow" as string, this.#onPageShow as () => void);
    page()?.removeEventListener?.("visibilitychange", this.#onVisibility);
  }

  /** `Date`, because other clocks may stand still while the device sleeps. */
  #tick(): void {
    const lateMs = Date.now() - this.#tickedAt - TICK_MS;
    this.#tickedAt = Date.now();
    if (lateMs > (isHidden() ? HIDDEN_LATE_MS : LATE_MS)) this.#onWake();
  }

  /** A page that is loaded is shown as well, but did not come from the back/forward cache. */
  readonly #onPageShow = (event: { persisted?: boolean }): void => {
    if (event.persisted) this.#onWake();
  };

  readonly #onVisibility = (): void => {
    if (!isHidden()) this.#onWake();
  };
}

/** The page, if this is a browser's window. */
function page() {
  return (globalThis as { document?: EventTarget & { readonly hidden: boolean } }).document;
}

function isHidden(): boolean {
  return page()?.hidden ?? false;
}
