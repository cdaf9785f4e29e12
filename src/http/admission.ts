/**
 * Who may connect: origins (NET3), and how many connections there may be, in all and from one address
 * (LIM1). Asked before the upgrade.
 */
import type { Slot } from "../connection/socket_events.ts";

/** What {@linkcode createAdmission} is told by the settings. */
export interface AdmissionLimits {
  /** `*`, or origins, of which the host may begin with `*.` for all subdomains. */
  readonly allowedOrigins: readonly string[];
  readonly maxConnections: number;
  /** 0 for no limit. */
  readonly maxConnectionsPerIp: number;
  /** Whether the client's address is the one that the proxy says. */
  readonly trustProxy: boolean;
}

/** What became of asking. */
export type AdmissionResult =
  | { readonly refused: "origin" | "full" }
  | { readonly refused: null; readonly slot: Slot };

/** A connection's slot; counts until it is released. */
export class ConnectionSlot implements Slot {
  readonly #onRelease: (address: string) => void;
  readonly #address: string;
  #isReleased = false;

  constructor(onRelease: (address: string) => void, address: string) {
    this.#onRelease = onRelease;
    this.#address = address;
  }

  /** Releases it; further calls change nothing. */
  release(): void {
    if (!this.#isReleased) this.#onRelease(this.#address);
    this.#isReleased = true;
  }
}

/** Admits clients. */
export interface Admission {
  /** Asks for a slot, by the headers of a client's request and its address. */
  admit(headers: Headers, peer: string): AdmissionResult;
  /** How many slots are taken. */
  readonly size: number;
}

/** Makes a {@linkcode Admission}. */
export function createAdmission(
  { allowedOrigins, maxConnections, maxConnectionsPerIp, trustProxy }: AdmissionLimits,
): Admission {
  const isAllowed = allowedOrigins.map(matcher);
  const byAddress = new Map<string, number>();
  let connections = 0;

  function addressOf(headers: Headers, peer: string): string {
    if (!trustProxy) return peer;
    // The last one is that which the proxy itself has seen; those in front of it anybody can write.
    const forwarded = headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
    return forwarded || headers.get("x-real-ip")?.trim() || peer;
  }

  function count(address: string, change: 1 | -1): void {
    connections += change;
    if (maxConnectionsPerIp === 0) return;
    const left = (byAddress.get(address) ?? 0) + change;
    if (left === 0) byAddress.delete(address);
    else byAddress.set(address, left);
  }

  function release(address: string): void {
    count(address, -1);
  }

  function admit(headers: Headers, peer: string): AdmissionResult {
    const origin = headers.get("origin");
    if (origin !== null && !isAllowed.some((matches) => matches(origin))) {
      return { refused: "origin" };
    }
    const address = addressOf(headers, peer);
    const own = byAddress.get(address) ?? 0;
    if (connections >= maxConnections) return { refused: "full" };
    if (maxConnectionsPerIp > 0 && own >= maxConnectionsPerIp) return { refused: "full" };
    count(address, 1);
    return { refused: null, slot: new ConnectionSlot(release, address) };
  }

  return {
    admit,
    get size() {
      return connections;
    },
  };
}

function matcher(allowed: string): (origin: string) => boolean {
  if (allowed === "*") return () => true;
  const [scheme = "", host = ""] = allowed.split("://*");
  // `host` begins with a dot, so that no other domain ends with it.
  if (host) {
    return (origin) =>
      origin.startsWith(`${scheme}://`) && origin.endsWith(host) &&
      URL.parse(origin)?.origin === origin && origin.length > `${scheme}://${host}`.length;
  }
  return (origin) => origin === allowed;
}
