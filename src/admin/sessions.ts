/**
 * What `/sessions` shows.
 */
import * as z from "zod";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { parseParam, Refusal } from "./http.ts";

/** The most sessions of one answer: without `?limit=`, and the largest limit. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

const limitSchema = z.string().transform(Number).pipe(z.int().min(1).max(MAX_LIMIT));

/**
 * Counts the sessions of this instance, or of a user, and describes as many of them as asked for.
 *
 * @param params `user` and `limit`, both optional
 * @throws {Refusal} The limit is not usable
 */
export function listSessions(
  sessions: Sessions,
  params: URLSearchParams,
): { counts: SessionCounts; sessions: unknown[] } {
  const user = params.get("user");
  const limit = params.has("limit")
    ? parseParam(params, { name: "limit", schema: limitSchema })
    : DEFAULT_LIMIT;
  const chosen = user === null ? sessions : sessions.ofUser(user);
  return {
    counts: countSessions(chosen),
    sessions: Iterator.from(chosen).take(limit).map(describeSession).toArray(),
  };
}

/** How many sessions there are, and what they have. */
interface SessionCounts {
  sessions: number;
  /** Sessions with a user. */
  users: number;
  subscriptions: number;
  /** Sessions with too much unsent (SLOW1); the gauge `wss_sessions_behind` counts the same. */
  behind: number;
}

function countSessions(sessions: Iterable<Session>): SessionCounts {
  const counts = { sessions: 0, users: 0, subscriptions: 0, behind: 0 };
  for (const session of sessions) {
    counts.sessions++;
    if (session.user !== null) counts.users++;
    counts.subscriptions += session.subscriptionCount;
    if (session.outbox.isBehind) counts.behind++;
  }
  return counts;
}

/** @throws {Refusal} There is no such session */
export function findSession(sessions: Sessions, id: string): Session {
  const session = sessions.get(id);
  if (!session) throw new Refusal(404, `There is no session ${JSON.stringify(id)}`);
  return session;
}

/** Describes a session, for JSON. */
export function describeSession(session: Session): unknown {
  return {
    id: session.id,
    user: session.user,
    endpoint: session.endpoint,
    ageSeconds: Math.round((Date.now() - session.connectedAt) / 1000),
    unsentBytes: session.outbox.unsentBytes,
    isBehind: session.outbox.isBehind,
    subscriptions: [...session.subscriptions].map(({ target, since, isLive }) => ({
      ...target,
      since: new Date(since).toISOString(),
      state: isLive ? "live" : "catching up",
    })),
  };
}
