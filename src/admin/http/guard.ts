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
    const message = `Forbidden: the host ${JSON.stringify(hostname)} is not loopback`;
    throw new Refusal(403, message, { counted: "host" });
  }
  const origin = headers.get("origin");
  // Browsers send it with requests that have no origin, such as for an image.
  const site = headers.get("sec-fetch-site") ?? "none";
  const isOfOther = origin !== null && URL.parse(origin)?.host !== host;
  if (isOfOther || (site !== "same-origin" && site !== "none")) {
    const message = "Forbidden: the request comes from a page of another origin";
    throw new Refusal(403, message, { counted: "page" });
  }
}

/** @throws {Refusal} ADMIN_TOKEN is set, and the request has another token or none */
export function checkToken(
  { headers }: Request,
  { ADMIN_TOKEN }: Pick<Settings, "ADMIN_TOKEN">,
): void {
  if (ADMIN_TOKEN === undefined) return;
  const given = headers.get("authorization");
  // Upper and lower case are the same in a scheme, RFC 9110, 11.1. The time of the comparison does not
  // depend on how much of the token is right.
  const normal = given?.replace(/^bearer /i, "Bearer ") ?? "";
  if (timingSafeEqual(digest(normal), digest(`Bearer ${ADMIN_TOKEN}`))) return;
  const message = "Unauthorized: expected Authorization: Bearer <ADMIN_TOKEN>";
  throw new Refusal(401, message, { counted: given ? "wrong_token" : "no_token" });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
