/**
 * The keys with which tokens are signed (AUTH8): fetched when the first token needs them, and again from
 * time to time, and for a key id that is not among them.
 */
import { getLogger } from "@logtape/logtape";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import * as z from "zod";
import type { Metrics } from "../../observe/metrics.ts";
import { fetchText } from "../attempt.ts";
import { whyNotFetched } from "../unreadable.ts";

const logger = getLogger(["wss", "backend"]);

/** Milliseconds between two fetches, whatever key ids come. */
const LEAST_MS = 30_000;
/** Milliseconds after which keys are fetched again in the background: some may have been withdrawn. */
const FRESH_MS = 600_000;
/** The limit for a key set, in bytes. A key takes about 400. */
const MAX_BYTES = 256 * 1024;

const keySetSchema = z.object({ keys: z.array(z.unknown()) });
const keySchema = z.looseObject({ kty: z.string(), kid: z.string().optional() });

/** Keys, and which ids they have. */
export interface Keys {
  readonly ids: ReadonlySet<string>;
  /** Finds the key for a token. */
  readonly find: JWTVerifyGetKey;
}

/**
 * Fetches the keys. What is no key is ignored, so that it does not harm the others (RFC 7517, 5).
 *
 * @throws {Error} There is no answer in time, or it is no key set
 */
export async function fetchKeys(
  url: URL,
  { timeoutMs }: { timeoutMs: number },
): Promise<z.infer<typeof keySchema>[]> {
  const text = await fetchText(url, { maxBytes: MAX_BYTES, timeoutMs });
  const given = keySetOf(text);
  if (!given) throw new Error("its answer is no JSON object with a list `keys`");
  const keys = given.flatMap((key) => keySchema.safeParse(key).data ?? []);
  if (keys.length === 0 && given.length > 0) throw new Error("none of its keys can be read");
  return keys;
}

function keySetOf(text: string): unknown[] | undefined {
  try {
    return keySetSchema.safeParse(JSON.parse(text)).data?.keys;
  } catch {
    return undefined;
  }
}

/** The key set at a URL. */
export class KeySet {
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #metrics: Pick<Metrics, "keySetFetches">;
  #keys: Keys | null = null;
  #fetching: Promise<void> | undefined;
  /** When the latest fetch began, by `performance.now()`. */
  #fetchedAt = -Infinity;
  /** When the fetch of the keys that are there began, by `performance.now()`. */
  #freshAt = -Infinity;

  constructor(
    url: URL,
    { timeoutMs, metrics }: { timeoutMs: number; metrics: Pick<Metrics, "keySetFetches"> },
  ) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#metrics = metrics;
  }

  /** The keys that are there; `null` if none could be fetched yet. */
  get keys(): Keys | null {
    if (this.#keys && performance.now() - this.#freshAt > FRESH_MS) this.refresh();
    return this.#keys;
  }

  /** Milliseconds until keys may be fetched again. */
  get dueInMs(): number {
    return Math.max(0, this.#fetchedAt + LEAST_MS - performance.now());
  }

  /** Fetches the keys, unless that was done a short while ago. All callers share a fetch under way. */
  async refresh(): Promise<void> {
    if (!this.#fetching && this.dueInMs > 0) return;
    await (this.#fetching ??= this.#load().finally(() => this.#fetching = undefined));
  }

  /** An outage keeps the keys that are there. Never rejects. */
  async #load(): Promise<void> {
    this.#fetchedAt = performance.now();
    try {
      const keys = await fetchKeys(this.#url, { timeoutMs: this.#timeoutMs });
      this.#keys = {
        ids: new Set(keys.flatMap(({ kid }) => kid ?? [])),
        find: createLocalJWKSet({ keys } as JSONWebKeySet),
      };
      this.#freshAt = this.#fetchedAt;
      this.#metrics.keySetFetches.inc({ outcome: "ok" });
    } catch (error) {
      const { host } = this.#url;
      this.#metrics.keySetFetches.inc({ outcome: "failed" });
      const reason = whyNotFetched(error);
      logger.warn("Cannot fetch the keys of tokens from {host}: {reason}", { host, reason });
    }
  }
}
