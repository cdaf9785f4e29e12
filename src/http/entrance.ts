/**
 * Lets clients in, however they come: the instance must be ready, and have a slot for them (`admission`),
 * and their token must be a user's (`upgrade_token`).
 */
import { getLogger } from "@logtape/logtape";
import type { Tokens } from "../backend/tokens.ts";
import type { Client } from "../connection/connection.ts";
import type { Metrics, REFUSALS } from "../observe/metrics.ts";
import type { Admission, AdmissionResult, RequestHead } from "./admission.ts";
import type { Health } from "./health.ts";
import { identifyUpgrade, type UpgradeToken } from "./upgrade_token.ts";

const logger = getLogger(["wss", "server"]);

/** Why a client is not let in. */
export type EntryRefusal = (typeof REFUSALS)[number];
/** Why a client is refused that would have got a slot. */
export type TokenRefusal = Extract<
  EntryRefusal,
  "not_ready" | "no_token" | "token_refused" | "token_not_checked"
>;

/** What an {@linkcode Entrance} needs. */
export interface EntranceOptions {
  /** Whether clients need a token (NET4). */
  readonly authRequired: boolean;
  readonly admission: Pick<Admission, "admit" | "isAllowedOrigin">;
  readonly tokens: Pick<Tokens, "tryToIdentify">;
  /** Aborted when the shutdown begins. */
  readonly signal: AbortSignal;
  readonly health: Pick<Health, "isReady">;
  readonly metrics: Pick<Metrics, "refusals">;
}

/** Decides who may come in, and counts who may not. */
export class Entrance {
  readonly #options: EntranceOptions;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** Whether the instance is about to end. */
  get isStopping(): boolean {
    return this.#options.signal.aborted;
  }

  /** Whether a request comes from no page, or from one whose origin is allowed (NET3). */
  isAllowedOrigin(request: RequestHead): boolean {
    return this.#options.admission.isAllowedOrigin(request);
  }

  /**
   * Takes a slot for a client.
   *
   * @param request Its request
   * @param peer The address from which the request came
   */
  admit(request: RequestHead, peer: string): AdmissionResult | { readonly refused: "not_ready" } {
    const { health, admission } = this.#options;
    const admitted = health.isReady
      ? admission.admit(request, peer)
      : { refused: "not_ready" as const };
    if (admitted.refused === "full") {
      logger.warn(
        "A client was refused because MAX_CONNECTIONS or MAX_CONNECTIONS_PER_IP is reached: " +
          "run more instances, or raise the limit",
      );
    }
    if (admitted.refused) this.refuse(admitted.refused);
    return admitted;
  }

  /**
   * Asks who the client is. A refusal is not counted yet.
   *
   * @param options.address The address of the client (LIM7)
   * @param options.use Called at once, so that no logout can come in between; `null` is a guest
   * @returns Why the client is refused; `null` if it was let in
   */
  async identify(
    given: UpgradeToken | null,
    { address, use }: { address: string; use: (identity: Client["identity"]) => void },
  ): Promise<TokenRefusal | null> {
    const { authRequired, tokens, signal, health } = this.#options;
    if (!given) {
      if (authRequired) return "no_token";
      use(null);
      return null;
    }
    let isIn = false;
    const status = await identifyUpgrade(given, {
      tokens,
      address,
      signal,
      use: (identity) => {
        isIn = health.isReady;
        if (isIn) use(identity);
      },
    });
    if (isIn) return null;
    if (!health.isReady) return "not_ready";
    return status === "unauthorized" ? "token_refused" : "token_not_checked";
  }

  /** Counts why a client is refused. */
  refuse<R extends EntryRefusal>(reason: R): R {
    this.#options.metrics.refusals.inc({ reason });
    logger.debug("A client was refused: {reason}", { reason });
    return reason;
  }
}
