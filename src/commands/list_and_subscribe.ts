/**
 * The common part of the commands that answer with a list and subscribe to what comes after it.
 */
import { type KeptList, keptList, listOf, type ListParams } from "../backend/lists.ts";
import { unlessAborted } from "../util/delay.ts";
import { NULL, type Reply, unauthorized } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import type { ResumePoint } from "../log/window.ts";
import type { Target } from "../protocol/target.ts";
import type { Subscription } from "../sessions/subscription.ts";
import type { CommandContext } from "./define.ts";

/** The target to subscribe to, and how to ask for its list. */
export interface Listing {
  readonly target: Target;
  readonly params: ListParams;
  /** The client's cursor; `undefined` if it sent none. */
  readonly since: unknown;
}

/**
 * Subscribes the session. It resumes from the client's cursor if that is possible (DEL5). Otherwise
 * it subscribes first and asks for the list then, so that there is no gap between the two (DEL2).
 * If the list's user is gone meanwhile, the reply is `unauthorized` (AUTH6).
 *
 * @throws {CommandError} The backend's errors, and `too-many-subscriptions`
 */
export async function listAndSubscribe(context: CommandContext, listing: Listing): Promise<Reply> {
  const { session, signal, resumePoints } = context;
  return await withLock(context, listing.target.id, async () => {
    const { breaks } = resumePoints;
    const found = listing.since === undefined
      ? null
      : await unlessAborted(findResumePoint(context, listing), signal);
    signal.throwIfAborted();
    // A place in a log that was replaced or cut back meanwhile leads nowhere (DEL13).
    const point = resumePoints.breaks === breaks ? found : null;
    if (!session.mayHave(listing.target)) return unauthorized();
    return point ? resume(context, { ...listing, point }) : await list(context, listing);
  });
}

/**
 * Answers after the earlier requests for the same subscription are answered (LIST2).
 *
 * @throws The signal's reason
 */
export async function withLock(
  { session, signal }: CommandContext,
  subscriptionId: string,
  answer: () => Promise<Reply>,
): Promise<Reply> {
  const unlock = await session.lockList(subscriptionId);
  try {
    signal.throwIfAborted();
    const reply = await answer();
    return {
      ...reply,
      sent() {
        // Nothing may follow the reply to a POST (HTTP1).
        if (session.transport !== "post") reply.sent?.();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * The point to resume from; `null` if the client cannot resume from its cursor. The pushes that it missed
 * could not follow the reply to a POST, which so has the list (HTTP1).
 */
async function findResumePoint(
  { session, resumePoints, metrics }: CommandContext,
  { target, since }: Listing,
): Promise<ResumePoint | null> {
  if (session.transport === "post") return null;
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
  { target, params, since, point }: Listing & { point: ResumePoint },
): Reply {
  context.backend.refuseLongUrl(listOf(target, params));
  const kept = keptList(target, params);
  const { subscription, isNew } = subscribe(context, { target, kept });
  subscription.hold();
  if (isNew) subscription.beginAt(point);
  else subscription.skipTo(point);
  subscription.list = kept;
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
  { target, params, since }: Listing,
): Promise<Reply> {
  const { session, backend, signal, resumePoints } = context;
  const kept = keptList(target, params);
  const { subscription, isNew } = subscribe(context, { target, kept });
  subscription.hold();
  // A later page does not include what a reload or a list after a loss would have.
  const isPage = Boolean(params.skip);
  const askedAt = resumePoints.nextSeq;
  const undo = () => {
    if (isNew) session.unsubscribe([target.id], "its list failed");
    else subscription.release();
  };
  try {
    const { status, payload } = await backend.get(listOf(target, params), session.caller(signal));
    if (!session.mayHave(target)) return unauthorized();
    if (status !== "ok") {
      undo();
      return { status, payload };
    }
    // Meanwhile, other lists of the session may have taken what was left.
    refuseTooMany(context, { existing: subscription, kept });
    subscription.list = kept;
    if (!isPage) subscription.listedAt(askedAt);
    // Not before: the log may have had a break meanwhile, of which the client is still to be told.
    const cursor = isPage ? subscription.cursorWithoutList : subscription.cursor;
    return {
      status,
      payload,
      event: target.id,
      ...(since === undefined ? {} : { recovered: false }),
      cursor,
      sent: () => answered(context, subscription),
    };
  } catch (error) {
    if (!session.mayHave(target)) return unauthorized();
    undo();
    throw error;
  }
}

/** The session's subscription to a target. It is made if there is none. */
function subscribe(
  context: CommandContext,
  { target, kept }: { target: Target; kept: KeptList },
): { subscription: Subscription; isNew: boolean } {
  const { session } = context;
  const existing = session.subscription(target.id);
  refuseTooMany(context, { existing, kept });
  return { subscription: existing ?? session.subscribe(target, kept), isNew: !existing };
}

/**
 * Refuses a subscription if the session has as many, or keeps as much for them, as it may (LIM3, LIM5).
 *
 * @throws {CommandError} `too-many-subscriptions`
 */
export function refuseTooMany(
  { session, limits: { maxSubscriptions, maxSessionBytes } }: CommandContext,
  { existing, kept }: {
    readonly existing: { readonly list: KeptList } | undefined;
    readonly kept: KeptList;
  },
): void {
  if (!existing && session.subscriptionCount >= maxSubscriptions) {
    throw tooMany(`the session already has ${maxSubscriptions} subscriptions`);
  }
  const more = kept.bytes - (existing?.list.bytes ?? 0);
  const bytes = session.keptBytes + more;
  if (more > 0 && bytes > maxSessionBytes) {
    throw tooMany(`the session's subscriptions would keep ${bytes} bytes, over ${maxSessionBytes}`);
  }
}

function tooMany(reason: string): CommandError {
  return new CommandError({
    slug: "too-many-subscriptions",
    message: `Cannot subscribe: ${reason}`,
  });
}

/** Called when the reply that subscribes has gone out: only from now on may pushes follow. */
function answered({ streamStatus, session }: CommandContext, subscription: Subscription): void {
  subscription.isAnswered = true;
  streamStatus.greet(session);
  subscription.release();
}
