/** The matrix: every fault that an answer of Kafka can be, at each request that reading causes. */
import { type Api, APIS, type Place } from "../../_support/kafka/faults/answers.ts";
import { ERROR_NAMES } from "../../_support/kafka/faults/error_codes.ts";
import type { Fault } from "../../_support/kafka/faults/proxy.ts";

/** Milliseconds that a fault lasts that does not happen just once. */
export const LASTS_MS = 5000;

export interface FaultCase {
  /** Unique. */
  readonly name: string;
  readonly fault: Fault;
  /** Whether it happens to one request, or to all for {@linkcode LASTS_MS}. */
  readonly isOnce: boolean;
  /** Whether the service is ready when it begins. */
  readonly when: "running" | "starting";
  /** The newest versions of requests that the broker seems to know. */
  readonly newest: Partial<Record<Api, number>>;
  /**
   * Whether the client may get a `resync`. A leader whose log was replaced says again and again that a
   * position is out of range, though its log reaches that far: it does not know the epoch of what was
   * read.
   */
  readonly mayResync: boolean;
}

const API_NAMES = Object.keys(APIS) as Api[];

/** Where the answers of an API have error codes. */
const PLACES: Record<Api, readonly Place[]> = {
  ApiVersions: ["answer"],
  SaslHandshake: ["answer"],
  SaslAuthenticate: ["answer"],
  Metadata: ["topic", "partition"],
  ListOffsets: ["partition"],
  Fetch: ["answer", "partition"],
  OffsetForLeaderEpoch: ["partition"],
};

/** Those whose answers can tell a client to wait. */
const THROTTLES: ReadonlySet<Api> = new Set<Api>([
  "ApiVersions",
  "Metadata",
  "ListOffsets",
  "Fetch",
  "OffsetForLeaderEpoch",
]);

/** How the broker is: as it is, without epochs in Fetch, or as old as one that the service can read from. */
const BROKERS = {
  "": {},
  "older": { Fetch: 11, Metadata: 9 },
  "oldest": { Fetch: 4, Metadata: 4, ListOffsets: 1, OffsetForLeaderEpoch: 2 },
} satisfies Record<string, Partial<Record<Api, number>>>;

type Age = keyof typeof BROKERS;

function* faults(): Generator<{ text: string; fault: Fault; ages: readonly Age[] }> {
  for (const api of API_NAMES) {
    // A newer broker itself says in Fetch what OffsetForLeaderEpoch is asked for.
    const isForOlder = api === "OffsetForLeaderEpoch";
    for (const does of ["close", "stall", "break off", "answer garbage", "speak HTTP"] as const) {
      const ages: Age[] = isForOlder ? ["older"] : ["", "older", "oldest"];
      yield { text: `${api}: ${does}`, fault: { api, does }, ages };
    }
    if (THROTTLES.has(api)) {
      const ages: Age[] = isForOlder ? ["older"] : [""];
      yield { text: `${api}: throttle`, fault: { api, does: "throttle" }, ages };
    }
    for (const place of PLACES[api]) {
      for (const error of ERROR_NAMES) {
        yield {
          text: `${api}: ${error} for ${place}`,
          fault: { api, does: "answer an error", error, place },
          ages: [isForOlder ? "older" : ""],
        };
      }
    }
  }
}

/** All cases, always in the same order. */
export function faultCases(): FaultCase[] {
  const cases: FaultCase[] = [];
  for (const { text, fault, ages } of faults()) {
    for (const age of ages) {
      for (const when of ["running", "starting"] as const) {
        for (const isOnce of [true, false]) {
          const words = [text, isOnce ? "once" : `for ${LASTS_MS / 1000} s`, `while ${when}`];
          if (age !== "") words.push(`(${age} broker)`);
          const mayResync = !isOnce && fault.does === "answer an error" &&
            fault.error === "OFFSET_OUT_OF_RANGE" && fault.place === "partition";
          const name = words.join(" ");
          cases.push({ name, fault, isOnce, when, newest: BROKERS[age], mayResync });
        }
      }
    }
  }
  return cases;
}
