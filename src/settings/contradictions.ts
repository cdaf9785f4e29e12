/**
 * Settings that are right by themselves, but not together.
 */
import { isLoopback } from "./loopback.ts";
import { BYTES_BURST_SECONDS, settingInfo, type Settings } from "./settings.ts";

/** The settings that may contradict each other. */
type Contradicting = Pick<
  Settings,
  | "HOST"
  | "PORT"
  | "ADMIN_HOST"
  | "ADMIN_PORT"
  | "ADMIN_TOKEN"
  | "DRAIN_SECONDS"
  | "BACKEND_TIMEOUT_MS"
  | "SHUTDOWN_SECONDS"
  | "MAX_MESSAGE_BYTES"
  | "RATE_LIMIT_BYTES"
  | "AUTH_JWKS_URL"
  | "AUTH_JWT_ISSUER"
  | "AUTH_JWT_AUDIENCE"
  | "AUTH_JWT_ONLY"
>;

/** Gives one line for each contradiction. */
export function findContradictions(settings: Contradicting): string[] {
  return [samePort, openAdminPort, shortShutdown, messageOverRate, jwtWithoutKeys]
    .flatMap((find) => find(settings) ?? []);
}

function samePort({ HOST, PORT, ADMIN_HOST, ADMIN_PORT }: Contradicting): string | undefined {
  if (PORT === 0 || PORT !== ADMIN_PORT) return undefined;
  if (!includes(HOST, ADMIN_HOST) && !includes(ADMIN_HOST, HOST)) return undefined;
  return `ADMIN_PORT is "${ADMIN_PORT}": expected another port than PORT, ` +
    `because HOST is "${HOST}" and ADMIN_HOST is "${ADMIN_HOST}"`;
}

/** Whether a listener on the first host may also get the connections to the other one. */
function includes(host: string, other: string): boolean {
  if (host === other || host === "::") return true;
  if (host === "0.0.0.0") return !other.includes(":");
  return host === "localhost" && isLoopback(other);
}

function openAdminPort(
  { ADMIN_HOST, ADMIN_PORT, ADMIN_TOKEN }: Contradicting,
): string | undefined {
  if (ADMIN_PORT === 0 || isLoopback(ADMIN_HOST) || ADMIN_TOKEN !== undefined) return undefined;
  return `ADMIN_TOKEN is missing: expected ${settingInfo("ADMIN_TOKEN").allowed}, ` +
    `because ADMIN_HOST is "${ADMIN_HOST}", which is not loopback`;
}

function shortShutdown(
  { DRAIN_SECONDS, BACKEND_TIMEOUT_MS, SHUTDOWN_SECONDS }: Contradicting,
): string | undefined {
  const seconds = DRAIN_SECONDS + BACKEND_TIMEOUT_MS / 1000;
  if (SHUTDOWN_SECONDS > seconds) return undefined;
  return `SHUTDOWN_SECONDS is "${SHUTDOWN_SECONDS}": expected more than ${seconds}, ` +
    "the sum of DRAIN_SECONDS and BACKEND_TIMEOUT_MS";
}

/** A frame that is larger than the burst could never be allowed (LIM6). */
function messageOverRate(
  { MAX_MESSAGE_BYTES, RATE_LIMIT_BYTES }: Contradicting,
): string | undefined {
  const burst = BYTES_BURST_SECONDS * RATE_LIMIT_BYTES;
  if (MAX_MESSAGE_BYTES <= burst) return undefined;
  return `MAX_MESSAGE_BYTES is "${MAX_MESSAGE_BYTES}": expected at most ${burst}, ` +
    `which is ${BYTES_BURST_SECONDS} times RATE_LIMIT_BYTES`;
}

/** Without keys, nothing would be verified, and an operator would think that it is. */
function jwtWithoutKeys(settings: Contradicting): string | undefined {
  const { AUTH_JWKS_URL, AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE, AUTH_JWT_ONLY } = settings;
  if (AUTH_JWKS_URL) return undefined;
  const [name] = Object.entries({ AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE, AUTH_JWT_ONLY })
    .find(([, value]) => value !== undefined && value !== false) ?? [];
  if (name === undefined) return undefined;
  return `AUTH_JWKS_URL is missing: expected ${settingInfo("AUTH_JWKS_URL").allowed}, ` +
    `because ${name} is set`;
}
