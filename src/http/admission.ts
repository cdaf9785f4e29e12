/**
 * Decides which clients may connect: those from allowed origins (NET3), as long as the instance and the
 * client's address have a free slot (LIM1). `upgrade` asks before each upgrade.
 */
import type { Slot } from "../connection/socket_events.ts";
import { createOriginMatcher } from "../settings/origins.ts";
import { addressKey } from "./address.ts";

/** The settings of an {@linkcode Admission}. */
export interface AdmissionLimits {
  /** The patterns of ALLOWED_ORIGINS. */
  readonly allowedOrigins: readonly string[];
  readonly maxConnections: number;
  /** 0 for no limit. */
  readonly maxConnectionsPerIp: number;
  /** Whether a proxy's headers say the client's address. */
  readonly trustProxy: boolean;
}

/** What a request says before its body. */
export type RequestHead = Pick<Request, "headers" | "url">;

/** A slot, or the reason for the refusal. */
export type AdmissionResult =
  | { readonly refused: "origin" | "full" }
  | { readonly refused: null; readonly slot: Slot; readonly address: string };

/** Counts connections, and admits new ones. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #origins: readonly ((origin: string) => boolean)[];
  readonly #byAddress = new Map<string, number>();
  #connections = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    this.#origins = limits.allowedOrigins.map(createOriginMatcher);
  }

  /** How many slots are taken. */
  get size(): number {
    return this.#connections;
  }

  /**
   * Takes a slot for a client.
   *
   * @param request Its request
   * @param peer The address from which the request came
   */
  admit(request: RequestHead, peer: string): AdmissionResult {
    const { maxConnections, maxConnectionsPerIp } = this.#limits;
    if (!this.isAllowedOrigin(request)) return { refused: "origin" };
    const address = this.#addressOf(request.headers, peer);
    const own = this.#byAddress.get(address) ?? 0;
    if (this.#connections >= maxConnections) return { refused: "full" };
    if (maxConnectionsPerIp > 0 && own >= maxConnectionsPerIp) return { refused: "full" };
    this.#count(address, 1);
    return { refused: null, slot: new ConnectionSlot(this, address), address };
  }

  /** Gives a slot of this address back; for {@linkcode ConnectionSlot}. */
  release(address: string): void {
    this.#count(address, -1);
  }

  /** Whether a request comes from no page, or from one whose origin is allowed (NET3). */
  isAllowedOrigin({ headers, url }: RequestHead): boolean {
    const origin = headers.get("origin");
    // HTTP/2 has the host in its `:authority` only, which becomes a part of the URL.
    return origin === null || isOwnOrigin(origin, headers.get("host") ?? URL.parse(url)?.host) ||
      this.#origins.some((matches) => matches(origin));
  }

  #addressOf(headers: Headers, peer: string): string {
    return addressKey(this.#limits.trustProxy ? forwardedAddress(headers) || peer : peer);
  }

  #count(address: string, change: 1 | -1): void {
    this.#connections += change;
    if (this.#limits.maxConnectionsPerIp === 0) return;
    const left = (this.#byAddress.get(address) ?? 0) + change;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}

/** The slot of one connection. */
class ConnectionSlot implements Slot {
  readonly #admission: Admission;
  readonly #address: string;
  #isReleased = false;

  constructor(admission: Admission, address: string) {
    this.#admission = admission;
    this.#address = address;
  }

  /** Releases the slot; further calls change nothing. */
  release(): void {
    if (!this.#isReleased) this.#admission.release(this.#address);
    this.#isReleased = true;
  }
}

function forwardedAddress(headers: Headers): string | undefined {
  // The proxy itself wrote the last address; anybody could have written those before it.
  const forwarded = headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
  return forwarded || headers.get("x-real-ip")?.trim();
}

/**
 * Whether an origin is the one under which the client has reached the service. Some clients that are no
 * browsers send it by themselves: React Native on Android, and websocket-client of Python.
 */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin);
  if (!url || !/^https?:$/.test(url.protocol) || !host) return false;
  // The parser leaves out the scheme's own port on both sides.
  return URL.parse(`${url.protocol}//${host}`)?.host === url.host;
}
