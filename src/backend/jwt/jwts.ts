/**
 * Verifies tokens that are JWTs by the issuer's keys, so that the user API is not asked (AUTH8).
 */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTVerifyOptions } from "jose";
import type { Metrics } from "../../observe/metrics.ts";
import { userIdSchema } from "../../protocol/validation.ts";
import type { Settings } from "../../settings/settings.ts";
import { type Keys, KeySet } from "./key_set.ts";
import { Logouts } from "./logouts.ts";

/** Without symmetric ones: their keys are secrets, which no key set has. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** Seconds by which clocks may differ, so that an expired token may still log in. */
export const LEEWAY_SECONDS = 30;
/** The most characters of a token. A longer one is none that is verified here. */
const MAX_LENGTH = 16 * 1024;
/** The most keys that are tried for a token without a key id. */
const MAX_TRIED = 8;

/** The settings of JWTs. */
export type JwtSettings = Pick<
  Settings,
  | "AUTH_JWKS_URL"
  | "AUTH_JWT_ISSUER"
  | "AUTH_JWT_AUDIENCE"
  | "AUTH_JWT_USER_CLAIM"
  | "AUTH_JWT_ONLY"
  | "AUTH_JWT_MAX_SECONDS"
  | "BACKEND_TIMEOUT_MS"
>;

/** How long a logout counts, in seconds: until no token from before it can log in. */
export function logoutsKeptSeconds(
  { AUTH_JWT_MAX_SECONDS }: Pick<JwtSettings, "AUTH_JWT_MAX_SECONDS">,
): number {
  return AUTH_JWT_MAX_SECONDS + LEEWAY_SECONDS;
}

/** What is said of a token. `unknown` means that it can't be judged here. */
export type JwtVerdict =
  | {
    readonly verdict: "ok";
    readonly user: string;
    /** Seconds since 1970. */
    readonly issuedAt: number;
    /** Milliseconds since 1970. */
    readonly expiresAt: number;
  }
  | { readonly verdict: "refused" | "unknown" }
  | { readonly verdict: "unavailable"; readonly retryAfterMs: number };

/** The parts of a JWT that are looked at before its signature is. */
interface Claims {
  readonly jwt: string;
  readonly keyId: string | undefined;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * The payload of a token, if its signature and its claims are right. `no key` means that the key set does
 * not have its key.
 */
type Verified = Record<string, unknown> | "refused" | "unknown" | "no key";

/** Judges tokens. */
export class Jwts {
  readonly logouts: Logouts;
  readonly #settings: JwtSettings;
  readonly #keySet: KeySet;
  readonly #options: JWTVerifyOptions;
  readonly #metrics: Pick<Metrics, "jwts" | "keySetFetches">;

  constructor(
    url: URL,
    settings: JwtSettings,
    metrics: Pick<Metrics, "jwts" | "keySetFetches">,
  ) {
    const { AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience } = settings;
    this.#settings = settings;
    this.#metrics = metrics;
    this.#keySet = new KeySet(url, { timeoutMs: settings.BACKEND_TIMEOUT_MS, metrics });
    this.logouts = new Logouts({ keptSeconds: logoutsKeptSeconds(settings) });
    this.#options = {
      algorithms: ALGORITHMS,
      clockTolerance: LEEWAY_SECONDS,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
  }

  /** Judges a token. Never rejects. */
  async judge(token: string): Promise<JwtVerdict> {
    const verdict = await this.#judge(token);
    this.#metrics.jwts.inc({ verdict: verdict.verdict });
    return verdict;
  }

  async #judge(token: string): Promise<JwtVerdict> {
    const { AUTH_JWT_ONLY: isOnly, AUTH_JWT_MAX_SECONDS: maxSeconds } = this.#settings;
    const claims = claimsOf(token, { maxSeconds });
    if (!claims) return { verdict: isOnly ? "refused" : "unknown" };
    const verified = await this.#verify(claims);
    const verdict = typeof verified === "string" ? verified : this.#judgeUser(verified, claims);
    if (verdict !== "unknown") return typeof verdict === "string" ? { verdict } : verdict;
    return isOnly
      ? { verdict: "unavailable", retryAfterMs: Math.ceil(this.#keySet.dueInMs) }
      : { verdict };
  }

  /** Looks for the key among those that are there, and if it is not, among newer ones. */
  async #verify(claims: Claims): Promise<Exclude<Verified, "no key">> {
    const { keys } = this.#keySet;
    const verified = keys ? await verify(claims, keys, this.#options) : "no key";
    if (verified !== "no key" && verified !== "unknown") return verified;
    await this.#keySet.refresh();
    const { keys: newer } = this.#keySet;
    if (!newer || newer === keys) return "unknown";
    const verifiedByNewer = await verify(claims, newer, this.#options);
    if (verifiedByNewer !== "no key") return verifiedByNewer;
    // Its key was withdrawn, or never there. The user API may know more, if it may be asked.
    return this.#settings.AUTH_JWT_ONLY ? "refused" : "unknown";
  }

  #judgeUser(
    payload: Record<string, unknown>,
    { issuedAt, expiresAt }: Claims,
  ): JwtVerdict | "refused" | "unknown" {
    const { data: user } = userIdSchema.safeParse(payload[this.#settings.AUTH_JWT_USER_CLAIM]);
    if (user === undefined) return "refused";
    switch (this.logouts.judge(user, issuedAt)) {
      case "logged out":
        return "refused";
      case "unknown":
        return "unknown";
      case "counts":
        return { verdict: "ok", user, issuedAt, expiresAt };
    }
  }
}

/** Reads a token, whose signature is not looked at; `null` if it is none that can be verified here. */
function claimsOf(token: string, { maxSeconds }: { maxSeconds: number }): Claims | null {
  const jwt = token.replace(/^bearer +/i, "");
  if (jwt.length > MAX_LENGTH || !/^[\w-]+\.[\w-]+\.[\w-]*$/.test(jwt)) return null;
  try {
    const { kid } = decodeProtectedHeader(jwt);
    const { iat, exp } = decodeJwt(jwt);
    if (!Number.isFinite(iat) || !Number.isFinite(exp)) return null;
    const [issuedAt, expires] = [Number(iat), Number(exp)];
    if (expires - issuedAt > maxSeconds) return null;
    const keyId = typeof kid === "string" ? kid : undefined;
    return { jwt, keyId, issuedAt, expiresAt: expires * 1000 };
  } catch {
    return null;
  }
}

/** Verifies with one of the keys. The token is refused only if its key is known. */
async function verify(
  { jwt, keyId }: Claims,
  { ids, find }: Keys,
  options: JWTVerifyOptions,
): Promise<Verified> {
  const isKnown = keyId !== undefined && ids.has(keyId);
  try {
    return (await jwtVerify(jwt, find, options)).payload;
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      const verified = await verifyWithEach(jwt, error, options);
      return isKnown && verified === "no key" ? "refused" : verified;
    }
    // The key set has a key that is none.
    if (!(error instanceof errors.JOSEError)) return "unknown";
    return isKnown || !isOfOtherKey(error) ? "refused" : "no key";
  }
}

/** For a token without a key id, or whose key id several keys have: each may be the one. */
async function verifyWithEach(
  jwt: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<Verified> {
  let tried = 0;
  let isUnusable = false;
  for await (const key of candidates) {
    if (tried++ === MAX_TRIED) return "unknown";
    try {
      return (await jwtVerify(jwt, key, options)).payload;
    } catch (error) {
      // This key cannot be used here, for example because it is too short.
      if (!(error instanceof errors.JOSEError)) isUnusable = true;
      else if (!isOfOtherKey(error)) return "refused";
    }
  }
  return isUnusable ? "unknown" : "no key";
}

/** Whether a token that is not accepted may be signed with a key that is not there. */
function isOfOtherKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JWSSignatureVerificationFailed;
}
