/**
 * Asks for the topic's metadata again and again: its identity, its partitions, and who leads them.
 */
import { delay } from "../../util/delay.ts";
import type { Brokers } from "../brokers/brokers.ts";
import { METADATA, metadataRequest, type TopicMetadata } from "../wire/metadata.ts";

/** Milliseconds for an answer. */
const ANSWER_MS = 2500;
/** Milliseconds between two questions while there is trouble, at most. */
const TROUBLED_MS = 1000;
/** Milliseconds between the first two of several questions in a row. */
const SOON_MS = 100;

/** Watches one topic. */
export class TopicWatch {
  readonly #brokers: Brokers;
  readonly #topic: string;
  readonly #everyMs: number;
  readonly #signal: AbortSignal;
  /** Milliseconds until the next question that is asked for. */
  #soonMs = SOON_MS;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();

  /**
   * @param options.everyMs Milliseconds between two questions while all is well
   * @param options.signal Aborted when the reader stops
   */
  constructor(
    brokers: Brokers,
    { topic, everyMs, signal }: { topic: string; everyMs: number; signal: AbortSignal },
  ) {
    this.#brokers = brokers;
    this.#topic = topic;
    this.#everyMs = everyMs;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
  }

  /**
   * Asks once, another broker than the last time.
   *
   * @param options.isCreated Whether the brokers may create the topic
   * @throws {Error} No broker answers
   */
  async ask({ isCreated = false }: { isCreated?: boolean } = {}): Promise<TopicMetadata> {
    const metadata = await this.#brokers.askAny((connection) => {
      const version = connection.versionOf(METADATA);
      const request = metadataRequest(version, { topic: this.#topic, isCreated });
      return connection.send(request, { timeoutMs: ANSWER_MS });
    });
    this.#brokers.learn(metadata.brokers);
    return metadata;
  }

  /** Asks soon: something that a broker said does not fit the latest metadata. */
  soon(): void {
    this.#wake.resolve();
  }

  /**
   * Asks until the signal is aborted.
   *
   * @param options.use Uses the metadata
   * @param options.onError Called if no broker answers, or the metadata can't be used
   * @param options.isTroubled Whether to ask more often, as leaders may change
   */
  async run({ use, onError, isTroubled }: {
    use: (metadata: TopicMetadata) => Promise<void>;
    onError: (error: unknown) => void;
    isTroubled: () => boolean;
  }): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#pause(isTroubled() ? TROUBLED_MS : this.#everyMs);
      if (this.#signal.aborted) return;
      this.#wake = Promise.withResolvers();
      try {
        await use(await this.ask());
      } catch (error) {
        if (!this.#signal.aborted) onError(error);
      }
    }
  }

  /** Waits for the time, or for a call of {@linkcode soon}. Several of these in a row are spread. */
  async #pause(ms: number): Promise<void> {
    const startedAt = performance.now();
    const timer = setTimeout(this.#wake.resolve, ms);
    await this.#wake.promise;
    clearTimeout(timer);
    const pausedMs = performance.now() - startedAt;
    if (pausedMs > TROUBLED_MS) {
      this.#soonMs = SOON_MS;
    } else {
      await delay(Math.max(0, this.#soonMs - pausedMs), this.#signal);
      this.#soonMs = Math.min(this.#soonMs * 2, TROUBLED_MS);
    }
  }
}
