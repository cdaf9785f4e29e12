/**
 * The token that comes with an upgrade (NET4).
 */
import { Buffer } from "node:buffer";
import { CommandError } from "../protocol/errors.ts";
import type { Tokens } from "../backend/tokens.ts";
import { HEADER_VALUE } from "../protocol/validation.ts";

const BEARER = "bearer.";

/** A token, and the form in which it came. */
export interface UpgradeToken {
  /** `null` where it can't be one. */
  readonly token: string | null;
  readonly form: "header" | "subprotocol";
}

/** Finds the token; the header is what counts where there are both. */
export function tokenOf(headers: Headers): UpgradeToken | null {
  const header = headers.get("authorization");
  if (header) return { token: header, form: "header" };
  const protocol = subprotocols(headers).find((protocol) => protocol.startsWith(BEARER));
  if (protocol === undefined) return null;
  return { token: decode(protocol.slice(BEARER.length)), form: "subprotocol" };
}

/** What a client offers in `Sec-WebSocket-Protocol`. */
export function subprotocols(headers: Headers): string[] {
  const offered = headers.get("sec-websocket-protocol") ?? "";
  return offered.split(",").map((protocol) => protocol.trim());
}

/**
 * Asks whose token it is.
 *
 * @param options.use See {@linkcode Tokens.identify}
 * @returns `unauthorized` where it is refused, `unavailable` where the backend can't be asked
 */
export async function identifyUpgrade(
  { token }: UpgradeToken,
  { tokens, signal, use }: {
    tokens: Pick<Tokens, "identify">;
    signal: AbortSignal;
    use: (identity: { user: string; token: string }) => void;
  },
): Promise<"ok" | "unauthorized" | "unavailable"> {
  if (token === null) return "unauthorized";
  try {
    const { status } = await tokens.identify(token, {
      signal,
      use: ({ user }) => use({ user, token }),
    });
    return status === "ok" ? "ok" : "unauthorized";
  } catch (error) {
    if (signal.aborted) return "unavailable";
    if (!(error instanceof CommandError)) throw error;
    const isRefused = error.problems.every(({ slug }) => slug === "backend-refused");
    return isRefused ? "unauthorized" : "unavailable";
  }
}

function decode(encoded: string): string | null {
  const bytes = Buffer.from(encoded, "base64url");
  // Whatever is not just what would be written is no base64url; padding can't be in a subprotocol.
  if (encoded === "" || bytes.toString("base64url") !== encoded) return null;
  const token = bytes.toString("utf8");
  return HEADER_VALUE.test(token) ? token : null;
}
