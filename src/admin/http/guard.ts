/**
 * Who may send requests to the admin port.
 */
import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../../settings/loopback.ts";
import type { Settings } from "../../settings/settings.ts";
import { Refusal } from "./requests.ts";

/**
 * Refuses requests that a web page may have sent.
 *
 * @throws {Refusal} The request comes from a page of another origin, or the port is on loopback and
 * the request names another host: a foreign name may resolve to this machine (DNS rebinding)
 */
export function checkSender(
  { headers }: Request,
  { url: { host, hostname }, ADMIN_HOST }: { url: URL } & Pick<Settings, "ADMIN_HOST">,
): void {
  if (isLoopback(ADMIN_HOST) && !isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) {
    throw new Refusal(403, `Forbidden: the host ${JSON.stringify(hostname)} is not loopback`);
  }
  const origin = headers.get("origin");
  if (origin !== null && URL.parse(origin)?.host !== host) {
    throw new Refusal(403, "Forbidden: the request comes from a page of another origin");
  }
}

/** @throws {Refusal} ADMIN_TOKEN is set, and the request has another token or none */
export function checkToken(
  { headers }: Request,
  { ADMIN_TOKEN }: Pick<Settings, "ADMIN_TOKEN">,
): void {
  if (ADMIN_TOKEN === undefined) return;
  // Upper and lower case are the same in a scheme, RFC 9110, 11.1.
  const given = (headers.get("authorization") ?? "").replace(/^bearer /i, "Bearer ");
  if (!timingSafeEqual(digest(given), digest(`Bearer ${ADMIN_TOKEN}`))) {
    throw new Refusal(401, "Unauthorized: expected Authorization: Bearer <ADMIN_TOKEN>");
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
