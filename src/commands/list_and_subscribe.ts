/**
 * What the commands have in common that answer a list and subscribe to what comes after it.
 */
import * as z from "zod";
import type { ListRequest } from "../backend/backend.ts";
import { unlessAborted } from "../util/delay.ts";
import { NULL, type Reply, unauthorized } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import type { ResumePoint } from "../log/stream.ts";
import type { Target } from "../protocol/target.ts";
import type { Subscription } from "../sessions/subscription.ts";
import type { CommandContext } from "./define.ts";

/** A cursor from which to resume. Whatever it holds is no error: what is unreadable gets a list. */
export const sinceSchema = z.unknown().optional().transform((since) => since ?? undefined)
  .describe("A cursor from which to resume (DEL5); where that can't be, there is a list (DEL6)");

/** What to subscribe to, and what to ask for. */
export interface Listing {
  readonly target: Target;
  readonly list: ListRequest;
  /** What a reload asks for later: the same, less what pages. */
  readonly reload: ListRequest;
  /** The client's cursor, if it has one. */
  readonly since: unknown;
}

/**
 * Subscribes. From a cursor on, where that can be done (DEL5); else it asks for the list, which it
 * does only once it is subscribed, so that there is no gap between the two (DEL2).
 */
export async function listAndSubscribe(context: CommandContext, listing: Listing): Promise<Reply> {
  const { session, signal } = context;
  const { login } = session;
  const endTurn = await session.lockList(listing.target.id);
  try {
    signal.throwIfAborted();
    const place = await unlessAborted(findPlace(context, listing), signal);
    // Logged out meanwhile: nothing of that user is for this session any more (AUTH6).
    const reply = session.login !== login
      ? unauthorized()
      : place
      ? resume(context, { ...listing, place })
      : await list(context, listing);
    return {
      ...reply,
      sent() {
        reply.sent?.();
        endTurn();
      },
    };
  } catch (error) {
    endTurn();
    throw error;
  }
}

async function findPlace(
  { session, resumePoints, metrics }: CommandContext,
  { target, since }: Listing,
): Promise<ResumePoint | null> {
  if (since === undefined) return null;
  let found = await resumePoints.locate(since, target);
  const existing = session.subscription(target.id);
  if (typeof found !== "string" && existing?.hasServedFrom(found.positions) === false) {
    found = "served_further";
  }
  metrics.resumes.inc({ outcome: typeof found === "string" ? found : "recovered" });
  return typeof found === "string" ? null : found;
}

function resume(
  context: CommandContext,
  { target, reload, since, place }: Listing & { place: ResumePoint },
): Reply {
  const { session } = context;
  const existing = session.subscription(target.id);
  const subscription = existing ?? subscribe(context, { target, reload });
  subscription.hold();
  if (existing) subscription.skipTo(place);
  else subscription.beginAt(place);
  subscription.list = reload;
  return {
    status: "ok",
    event: target.id,
    payload: NULL,
    recovered: true,
    cursor: String(since),
    sent: () => answered(context, subscription),
  };
}

async function list(
  context: CommandContext,
  { target, list, reload, since }: Listing,
): Promise<Reply> {
  const { session, backend, signal, resumePoints } = context;
  const { login } = session;
  const existing = session.subscription(target.id);
  const subscription = existing ?? subscribe(context, { target, reload });
  subscription.hold();
  const { cursor } = subscription;
  const askedAt = resumePoints.nextSeq;
  const undo = () => {
    if (existing) subscription.release();
    else session.unsubscribe([target.id], "its list failed");
  };
  try {
    const { status, payload } = await backend.get(list, { token: session.token, signal });
    if (session.login !== login) return unauthorized();
    if (status !== "ok") {
      undo();
      return { status, payload };
    }
    subscription.list = reload;
    subscription.listedAt(askedAt);
    return {
      status,
      payload,
      event: target.id,
      ...(since === undefined ? {} : { recovered: false }),
      cursor,
      sent: () => answered(context, subscription),
    };
  } catch (error) {
    if (session.login === login) undo();
    throw error;
  }
}

/** @throws {CommandError} The session has as many subscriptions as it may (LIM3) */
function subscribe(
  { session, maxSubscriptions }: CommandContext,
  { target, reload }: Pick<Listing, "target" | "reload">,
): Subscription {
  if (session.subscriptionCount >= maxSubscriptions) {
    throw new CommandError({
      slug: "too-many-subscriptions",
      message: `Cannot subscribe: the session has ${maxSubscriptions} subscriptions already`,
    });
  }
  return session.subscribe(target, reload);
}

/** The reply that subscribes has gone out. */
function answered({ streamStatus, session }: CommandContext, subscription: Subscription): void {
  subscription.isAnswered = true;
  streamStatus.greet(session);
  subscription.release();
}
