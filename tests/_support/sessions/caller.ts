/** Callers of a backend, for tests without connections. */
import type { Caller } from "../../../src/backend/backend.ts";
import type { Holder } from "../../../src/backend/shares.ts";

/** A guest at an address of its own, or at the given one. */
export function holder(address = "127.0.0.1", kind: Holder["kind"] = "guest"): Holder {
  return { asker: {}, address, kind };
}

/** What alice's session gives for what the service asks for it. */
export function aliceCaller(signal: AbortSignal): Caller {
  return { token: "alice", signal, holder: holder("127.0.0.1", "kept") };
}
