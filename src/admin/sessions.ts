/**
 * What `/sessions` shows.
 */
import * as z from "zod";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { ITEM_DEPTH, objectPieces, toJson } from "./http/json.ts";
import { JsonList } from "./http/lists.ts";
import { limitOf, nextPath, parseParam } from "./http/params.ts";
import { forMany, type Pieces } from "./http/pieces.ts";
import { Refusal } from "./http/requests.ts";

/** Sessions that are passed over between two rests. */
const SESSIONS_PER_STEP = 500;

/** The place behind a session, in the order in which sessions connected. */
interface Place {
  readonly connectedAt: number;
  readonly id: string;
}

const placeSchema = z.string().regex(/^\d{1,15}-[0-9a-f-]{36}$/, "expected the `next` of an answer")
  .transform((text): Place => {
    const end = text.indexOf("-");
    return { connectedAt: Number(text.slice(0, end)), id: text.slice(end + 1) };
  });

/**
 * Counts the sessions of this instance, or of a user, and describes as many of them as asked for.
 *
 * @param params `user`, `limit` and `after`, all optional
 * @throws {Refusal} A parameter is not usable
 */
export function listSessions(sessions: Sessions, params: URLSearchParams): Pieces {
  const user = params.get("user");
  const limit = limitOf(params);
  const after = params.has("after")
    ? parseParam(params, { name: "after", schema: placeSchema })
    : null;
  const chosen = user === null ? sessions : sessions.ofUser(user);
  const found = after
    ? sessionsAfter(after, chosen, (id) => sessions.get(id) !== undefined)
    : chosen;
  const list = new JsonList(found, {
    limit,
    write: (session) => toJson(summarize(session), ITEM_DEPTH),
  });
  return writeSessions(chosen, { list, params });
}

function* writeSessions(
  chosen: Iterable<Session>,
  { list, params }: { list: JsonList<Session>; params: URLSearchParams },
): Pieces {
  const counts = { sessions: 0, users: 0, subscriptions: 0, behind: 0 };
  yield* forMany(chosen, (session) => {
    counts.sessions++;
    if (session.user !== null) counts.users++;
    counts.subscriptions += session.subscriptionCount;
    // Too much is unsent (SLOW1); the gauge `wss_sessions_behind` counts the same.
    if (session.outbox.isBehind) counts.behind++;
  });
  yield* objectPieces({
    counts,
    sessions: list.pieces(),
    next: () => {
      const last = list.cutAfter;
      if (!last) return null;
      return nextPath("/sessions", params, { after: `${last.connectedAt}-${last.id}` });
    },
  });
}

/** The sessions after a place. If its session has ended, some that are before the place come again. */
function* sessionsAfter(
  place: Place,
  sessions: Iterable<Session>,
  isConnected: (id: string) => boolean,
): Generator<Session | undefined> {
  let isThere = isConnected(place.id);
  let isPassed = false;
  let skipped = 0;
  for (const session of sessions) {
    if (isPassed || (!isThere && session.connectedAt >= place.connectedAt)) {
      isPassed = true;
      yield session;
      continue;
    }
    isPassed = session.id === place.id;
    if (++skipped % SESSIONS_PER_STEP !== 0) continue;
    yield undefined;
    isThere = isConnected(place.id);
  }
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
 * @throws {Refusal} The limit is not usable
 */
export function describeSession(session: Session, params: URLSearchParams): Pieces {
  const all = [...session.subscriptions];
  const after = all.findIndex(({ target }) => target.id === params.get("after"));
  const list = new JsonList(all.slice(after + 1), {
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
      return nextPath(`/sessions/${session.id}`, params, { after: last.target.id });
    },
  });
}

function summarize(session: Session) {
  return {
    id: session.id,
    user: session.user,
    endpoint: session.endpoint,
    ageSeconds: Math.round((Date.now() - session.connectedAt) / 1000),
    unsentBytes: session.outbox.unsentBytes,
    isBehind: session.outbox.isBehind,
    subscriptionCount: session.subscriptionCount,
  };
}
