/**
 * What `/sessions` shows.
 */
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Subscription } from "../sessions/subscription.ts";
import { ITEM_DEPTH, objectPieces, toJson } from "./http/json.ts";
import { JsonList } from "./http/lists.ts";
import { limitOf, nextPath } from "./http/params.ts";
import { forMany, type Pieces } from "./http/pieces.ts";
import { byPlace, type Place, placeAfter, placeText } from "./http/places.ts";
import { Refusal } from "./http/requests.ts";

/**
 * Counts the sessions of this instance, or of a user, and describes as many of them as asked for.
 *
 * @param params `user`, `limit` and `after`, all optional
 * @throws {Refusal} A parameter is not usable
 */
export function listSessions(sessions: Sessions, params: URLSearchParams): Pieces {
  const user = params.get("user");
  return writeSessions(user === null ? sessions : sessions.ofUser(user), {
    limit: limitOf(params),
    after: placeAfter(params),
    params,
  });
}

function* writeSessions(
  chosen: Iterable<Session>,
  { limit, after, params }: { limit: number; after: Place | null; params: URLSearchParams },
): Pieces {
  const counts = { sessions: 0, users: 0, subscriptions: 0, behind: 0 };
  const users = new Set<string>();
  const compare = (a: Session, b: Session) => byPlace(placeOf(a), placeOf(b));
  let page: Session[] = [];
  yield* forMany(chosen, (session) => {
    counts.sessions++;
    if (session.user !== null) users.add(session.user);
    counts.subscriptions += session.subscriptionCount;
    // Too much is unsent (SLOW1); the gauge `wss_sessions_behind` counts the same.
    if (session.outbox.isBehind) counts.behind++;
    if (after && byPlace(placeOf(session), after) <= 0) return;
    page.push(session);
    // Few are kept, so that sorting takes no time. One more than the limit shows that there are more.
    if (page.length > 2 * limit) page = page.sort(compare).slice(0, limit + 1);
  });
  counts.users = users.size;
  const list = new JsonList(page.sort(compare), {
    limit,
    write: (session) => toJson(summarize(session), ITEM_DEPTH),
  });
  yield* objectPieces({
    counts,
    sessions: list.pieces(),
    next: () => {
      const last = list.cutAfter;
      return last ? nextPath("/sessions", params, { after: placeText(placeOf(last)) }) : null;
    },
  });
}

function placeOf({ connectedAt, id }: Session): Place {
  return { at: connectedAt, id };
}

/** @throws {Refusal} There is no such session */
export function findSession(sessions: Sessions, id: string): Session {
  const session = sessions.get(id);
  if (!session) throw new Refusal(404, `There is no session ${JSON.stringify(id)}`);
  return session;
}

/**
 * Describes a session, with as many of its subscriptions as asked for.
 *
 * @param params `limit` and `after`, both optional
 * @throws {Refusal} A parameter is not usable
 */
export function describeSession(session: Session, params: URLSearchParams): Pieces {
  const after = placeAfter(params);
  const placeOf = (
    { since, target }: Pick<Subscription, "since"> & { readonly target: { readonly id: string } },
  ): Place => ({ at: since, id: target.id });
  const all = [...session.all].sort((a, b) => byPlace(placeOf(a), placeOf(b)));
  const rest = all.filter((subscription) => !after || byPlace(placeOf(subscription), after) > 0);
  const list = new JsonList(rest, {
    limit: limitOf(params),
    write: ({ target, since, isLive }) =>
      toJson({
        ...target,
        since: new Date(since).toISOString(),
        state: isLive ? "live" : "catching up",
      }, ITEM_DEPTH),
  });
  return objectPieces({
    ...summarize(session),
    subscriptions: list.pieces(),
    next: () => {
      const last = list.cutAfter;
      if (!last) return null;
      return nextPath(`/sessions/${session.id}`, params, { after: placeText(placeOf(last)) });
    },
  });
}

function summarize(session: Session) {
  return {
    id: session.id,
    user: session.user,
    endpoint: session.endpoint,
    transport: session.transport,
    ageSeconds: Math.round((Date.now() - session.connectedAt) / 1000),
    unsentBytes: session.outbox.unsentBytes,
    isBehind: session.outbox.isBehind,
    subscriptionCount: session.subscriptionCount,
  };
}
