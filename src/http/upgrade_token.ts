/**
 * The token that comes with an upgrade, and the user to whom it belongs (NET4).
 */
import { Buffer } from "node:buffer";
import { CommandError } from "../protocol/errors.ts";
import type { Tokens } from "../backend/tokens.ts";
import { verdictOf } from "../backend/verdict.ts";
import type { Client } from "../connection/connection.ts";
import { HEADER_VALUE } from "../protocol/validation.ts";

const BEARER = "bearer.";

/** A token, and the form in which it came. */
export interface UpgradeToken {
  /** `null` if the subprotocol does not encode a valid token. */
  readonly token: string | null;
  readonly form: "header" | "subprotocol";
}

/** A user and a password for a site that asks for them; browsers send them with an upgrade, too. */
const BASIC = /^basic(\s|$)/i;

/**
 * Finds the token of an upgrade. If it comes in both forms, the subprotocol counts: the client has
 * written it itself, while a browser or a proxy may have added the header.
 */
export function tokenOf(headers: Headers): UpgradeToken | null {
  const protocol = subprotocols(headers).find((protocol) => protocol.startsWith(BEARER));
  if (protocol !== undefined) {
    return { token: decode(protocol.slice(BEARER.length)), form: "subprotocol" };
  }
  return headerToken(headers);
}

/** The token in the `Authorization` header. */
export function headerToken(headers: Headers): UpgradeToken | null {
  const header = headers.get("authorization");
  return header && !BASIC.test(header) ? { token: header, form: "header" } : null;
}

/** The subprotocols that a client offers. */
export function subprotocols(headers: Headers): string[] {
  const offered = headers.get("sec-websocket-protocol") ?? "";
  return offered.split(",").map((protocol) => protocol.trim());
}

/**
 * Asks to which user a token belongs.
 *
 * @param options.address The address of the client, which has its part of the requests (LIM7)
 * @param options.use Called with the user at once, so that no logout can come in between
 * @returns `unauthorized` if the token is refused, `unavailable` if the backend cannot be asked
 */
export async function identifyUpgrade(
  { token }: UpgradeToken,
  { tokens, address, signal, use }: {
    tokens: Pick<Tokens, "tryToIdentify">;
    address: string;
    signal: AbortSignal;
    use: (identity: NonNullable<Client["identity"]>) => void;
  },
): Promise<"ok" | "unauthorized" | "unavailable"> {
  if (token === null) return "unauthorized";
  try {
    const outcome = await tokens.tryToIdentify(token, {
      signal,
      holder: { asker: {}, address, kind: "guest" },
      use: ({ user, expiresAt }) => use({ user, token, expiresAt }),
    });
    if ("user" in outcome) return "ok";
    const { httpStatus } = outcome;
    if (verdictOf(httpStatus) === "outage") return "unavailable";
    return "slug" in outcome && outcome.slug !== "backend-refused" ? "unavailable" : "unauthorized";
  } catch (error) {
    if (signal.aborted || error instanceof CommandError) return "unavailable";
    throw error;
  }
}

function decode(encoded: string): string | null {
  const bytes = Buffer.from(encoded, "base64url");
  // Decoding skips invalid characters, so compare. There is no padding: a subprotocol cannot have "=".
  if (encoded === "" || bytes.toString("base64url") !== encoded) return null;
  const token = bytes.toString("utf8");
  return HEADER_VALUE.test(token) ? token : null;
}
