/**
 * Finds out whether WebSockets do not come through where plain requests do.
 */

/** Handshakes on end that must have failed before it is asked. */
const MIN_FAILED = 2;
/** Milliseconds for the answer to a plain request. */
const ANSWER_MS = 5000;

/** The handshakes of a client, one after another. */
export class Handshakes {
  #failed = 0;
  #areBlocked = false;

  /** Whether something on the way lets no WebSocket through, as far as is known. */
  get areBlocked(): boolean {
    return this.#areBlocked;
  }

  /** Notes that one has succeeded. */
  succeeded(): void {
    this.#failed = 0;
    this.#areBlocked = false;
  }

  /**
   * Notes that one has failed.
   *
   * @param closed Aborted when nobody wants to know any more
   * @returns `areBlocked`, once it is known
   */
  async failed(url: string, closed: AbortSignal): Promise<boolean> {
    if (++this.#failed < MIN_FAILED) return false;
    const answers = await answersPlainGet(url, closed);
    if (this.#failed > 0) this.#areBlocked = answers;
    return this.#areBlocked;
  }
}

/**
 * Asks the endpoint without an upgrade (NET2). In a browser, an answer of another origin can be read
 * only if the service allows it.
 */
async function answersPlainGet(url: string, closed: AbortSignal): Promise<boolean> {
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  const timer = setTimeout(giveUp, ANSWER_MS);
  closed.addEventListener("abort", giveUp);
  try {
    const { signal } = abort;
    const response = await fetch(url.replace(/^ws/i, "http"), { signal, credentials: "omit" });
    return await response.text() === "Connected";
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    closed.removeEventListener("abort", giveUp);
  }
}
