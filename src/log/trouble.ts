/**
 * Whether the log can be read, for operators: a line in the log for each state, a metric by kind, and
 * the text at the admin port (KAF10).
 */
import { getLogger } from "@logtape/logtape";
import type { Trouble } from "./reader.ts";

const logger = getLogger(["wss", "stream"]);

/** Remembers why the log can't be read. */
export class LogTrouble {
  #current: (Trouble & { readonly since: number }) | null = null;
  readonly #kinds = new Set<string>();

  /** The trouble, and since when there is some, in milliseconds since 1970; `null` if there is none. */
  get current(): (Trouble & { readonly since: number }) | null {
    return this.#current;
  }

  /** All kinds that there were since the start. They are few: they are labels of a metric. */
  get kinds(): ReadonlySet<string> {
    return this.#kinds;
  }

  /** Notes a trouble; `null` if it is over. */
  tell(trouble: Trouble | null): void {
    const before = this.#current;
    if (trouble?.kind === before?.kind && trouble?.text === before?.text) return;
    if (trouble) {
      this.#kinds.add(trouble.kind);
      this.#current = { ...trouble, since: before?.since ?? Date.now() };
      // The filter of repeated lines tells troubles apart by their reason.
      logger.warn("The log cannot be read: {reason}; trying again until it works", {
        reason: trouble.text,
      });
      return;
    }
    this.#current = null;
    const afterMs = Date.now() - (before?.since ?? Date.now());
    logger.info("The log can be read again, after {afterMs} ms", { afterMs });
  }
}
