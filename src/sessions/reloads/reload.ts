/**
 * One reload: what it asks for, for whom, and how its list is fetched.
 */
import { getLogger } from "@logtape/logtape";
import type { Backend, Caller } from "../../backend/backend.ts";
import { countOf, type KeptList, listOf } from "../../backend/lists.ts";
import type { Holder } from "../../backend/places/shares.ts";
import type { ListPlace } from "../../outbox/list_room.ts";
import { CommandError } from "../../protocol/errors.ts";
import type { JsonText } from "../../protocol/frames.ts";
import type { CountTarget, Target } from "../../protocol/target.ts";
import type { Subscriber } from "../pushes.ts";

const logger = getLogger(["wss", "reloads"]);

/** A subscription whose list can be fetched again. A count's list is its total. */
export interface Reloadable {
  readonly target: Target | CountTarget;
  readonly list: KeptList;
  readonly subscriber: Subscriber;
  /** The list is being fetched now. */
  reloadStarted(): void;
  /** Takes the list; `null` if it failed. */
  reloaded(list: JsonText | null): void;
  /** Some seconds have passed since a failure. */
  reloadByItself(): void;
}

/** One request for a list, shared by all subscriptions that wait for it. */
export interface Reload {
  readonly key: string;
  readonly target: Target | CountTarget;
  readonly list: KeptList;
  /** The session that asked first; or one with a better place that joined while it waited (LIM7). */
  caller: Caller;
  /** The caller's. */
  readonly holder: Holder;
  readonly abort: AbortController;
  readonly subscriptions: Set<Reloadable>;
  /** The room that sessions have for the list (LIM8), once it is known not to be small. */
  readonly places: Map<Reloadable, ListPlace>;
  /** Up to which size no room is looked for. */
  roomBytes: number;
}

/** Equal for reloads that share a request. */
export function keyOf({ target, list, subscriber }: Reloadable): string {
  // A schedule's list is fetched without a token (BCK2).
  return target.resource === "schedule" ? list.key : `${list.key} ${subscriber.token}`;
}

/**
 * Fetches the list of a reload.
 *
 * @param options.takes See {@linkcode Caller}
 * @returns The list; `null` if it could not be had
 */
export async function fetchList(
  { target, list: { params }, caller, subscriptions }: Reload,
  { backend, takes }: {
    readonly backend: Pick<Backend, "get">;
    readonly takes: NonNullable<Caller["takes"]>;
  },
): Promise<JsonText | null> {
  let trouble: string;
  try {
    const { status, payload, value } = await backend.get(listOf(target, params), {
      ...caller,
      takes,
    });
    if (status === "ok") return target.resource === "count" ? countOf(value) : payload;
    trouble = `the answer was ${status}`;
  } catch (error) {
    if (caller.signal.aborted) return null;
    trouble = error instanceof CommandError ? error.message : String(error);
  }
  logger.warn("A reload for {subscriptions} subscriptions failed: {trouble}; is the API up?", {
    subscriptions: subscriptions.size,
    trouble,
  });
  return null;
}
