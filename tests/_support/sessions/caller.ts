/** Callers of a backend, and what they ask for, for tests without connections. */
import type { Caller } from "../../../src/backend/backend.ts";
import type { KeptList } from "../../../src/backend/lists.ts";
import type { Holder } from "../../../src/backend/places/shares.ts";

/** A guest at an address of its own, or at the given one. */
export function holder(address = "127.0.0.1", kind: Holder["kind"] = "guest"): Holder {
  return { asker: {}, address, kind };
}

/** What alice's session gives for what the service asks for it. */
export function aliceCaller(signal: AbortSignal): Caller {
  return { token: "alice", signal, holder: holder("127.0.0.1", "kept") };
}

/** What is kept of a list of all notifications. */
export const ALL_KEPT: KeptList = { key: "all", params: {}, bytes: 0 };
