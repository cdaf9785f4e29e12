/**
 * Sends the pushes of one subscription, and reports them to the observers. Live updates, which are the
 * same for many clients, are sent by `fan_out`.
 */
import type { Caller } from "../backend/backend.ts";
import type { Entry } from "../log/window.ts";
import type { Deliveries, OwnStep, ResyncReason } from "../observe/deliveries.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { type JsonText, pushFrame, recordId, toJson } from "../protocol/frames.ts";
import type { Target } from "../protocol/target.ts";

/** What a subscription needs of its session. */
export interface Subscriber {
  /** The session's id. */
  readonly id: string;
  /** The user's id; `null` for a guest. */
  readonly user: string | null;
  /** The session's token, with which lists are fetched again (KAF3). */
  readonly token: string | null;
  /** The caller of a list that is fetched again (LIM7). */
  keptCaller(signal: AbortSignal): Caller;
  /** Whether the client understands `resync` (NET5). */
  readonly knowsVersion1: boolean;
  /** Whether the client's messages are kept, to go out in a frame with others (BAT1). */
  readonly knowsBatches: boolean;
  readonly outbox: Pick<
    Outbox,
    "send" | "isBehind" | "hasRoom" | "whenRoom" | "unsentBytes" | "lists"
  >;
}

/** A subscription, as its client gets pushes of it. */
export interface PushRecipient {
  readonly target: Target;
  readonly subscriber: Subscriber;
  /** The cursor that the next push has (DEL3). */
  readonly pushCursor: string;
}

/** Why a list is fetched again. */
export interface ReloadReason {
  /** The record that asks for it; `null` if none does. */
  readonly entry: Entry | null;
  /** Why the client needs the list, if it is in place of a `resync` (NET5); else `null`. */
  readonly inPlaceOfResync: ResyncReason | null;
}

const MISSED = toJson({ missed: null });

/** Sends pushes, each with the recipient's cursor. */
export class Pushes {
  readonly #deliveries: Pick<Deliveries, "stepped" | "resynced">;

  constructor({ deliveries }: { deliveries: Pick<Deliveries, "stepped" | "resynced"> }) {
    this.#deliveries = deliveries;
  }

  /** Sends an update. */
  update({ target, subscriber, pushCursor }: PushRecipient, entry: Entry): void {
    const frame = updateFrame(entry, { event: target.id, cursor: pushCursor });
    if (frame !== null) subscriber.outbox.send(frame);
  }

  /** Sends a list that was fetched again. */
  list(
    to: PushRecipient,
    { list, entry, inPlaceOfResync }: ReloadReason & { readonly list: JsonText },
  ): void {
    // In place of a resync it has no id: records after its own may have been pushed already.
    const id = entry && !inPlaceOfResync ? { id: recordId(entry) } : {};
    const push = { status: "reload", payload: list, ...id, cursor: to.pushCursor } as const;
    to.subscriber.outbox.send(pushFrame(to.target.id, push));
    if (entry) this.note(to, { entry, what: "reloaded" });
    if (inPlaceOfResync) this.#noteResync(to, inPlaceOfResync);
  }

  /**
   * Tells a client that has missed something to ask for its list (DEL11).
   *
   * @returns The list that the client is owed, if it does not know `resync`, and so can't ask for one
   */
  resync(to: PushRecipient, { entry, inPlaceOfResync }: ReloadReason): ReloadReason | null {
    const why = inPlaceOfResync ?? "reload failed";
    if (!to.subscriber.knowsVersion1) return { entry, inPlaceOfResync: why };
    const push = { status: "resync", payload: MISSED, cursor: to.pushCursor } as const;
    to.subscriber.outbox.send(pushFrame(to.target.id, push));
    this.#noteResync(to, why);
    return null;
  }

  /** Notes a step of a message on its way to the client. */
  note(
    { target, subscriber }: Pick<PushRecipient, "target" | "subscriber">,
    { entry, what }: { readonly entry: Entry; readonly what: OwnStep["what"] },
  ): void {
    const step = { session: subscriber.id, subscription: target.id, what, at: Date.now() };
    this.#deliveries.stepped(entry, step);
  }

  #noteResync({ target, subscriber }: PushRecipient, why: ResyncReason): void {
    const { id: session, user } = subscriber;
    const [subscription, to] = [target.id, Date.now()];
    this.#deliveries.resynced({ kind: "resync", session, subscription, user, to, why });
  }
}

/** The push of a record; `null` if its message is no update. */
export function updateFrame(
  entry: Entry,
  { event, cursor }: { readonly event: string; readonly cursor: string },
): string | null {
  const { delivery } = entry;
  if (delivery.does !== "update") return null;
  const { payload } = delivery;
  return pushFrame(event, { status: "update", payload, id: recordId(entry), cursor });
}
