/**
 * The admin port, for operators: metrics, health, why, sessions, quarantine. On loopback unless
 * ADMIN_HOST says otherwise, and closed to web pages.
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import * as z from "zod";
import {
  checkSender,
  checkToken,
  get,
  json,
  parseBody,
  parseParam,
  post,
  Refusal,
} from "./http.ts";
import type { Settings } from "../settings/settings.ts";
import dashboard from "./dashboard.json" with { type: "json" };
import { answerHealth, type Health } from "../http/health.ts";
import { listen } from "../http/listen.ts";
import type { LogReader } from "../log/reader.ts";
import { recordId } from "../protocol/frames.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Stream } from "../log/stream.ts";
import type { Trace } from "../observe/delivery_trace.ts";
import { createWhy } from "./why.ts";

const logger = getLogger(["wss", "admin"]);

/** Sessions that are told of at once, unless `?limit=` says otherwise, and at most. */
const SESSIONS_TOLD = 100;
const MAX_SESSIONS_TOLD = 1000;

/** What the admin port shows, and what it does. */
export interface AdminOptions {
  readonly topic: string;
  readonly registry: Registry;
  /** To be called before the registry is read. */
  readonly refresh: () => void;
  readonly health: Health;
  readonly stream: Stream;
  readonly sessions: Sessions;
  readonly trace: Trace;
  readonly quarantine: Quarantine;
  /** See {@linkcode LogReader.replay}. */
  readonly replay: LogReader["replay"];
  /** Closes the connection of a session that there is. */
  readonly close: (session: Session) => void;
}

/** The settings of the admin port. */
export type AdminSettings = Pick<Settings, "ADMIN_HOST" | "ADMIN_PORT" | "ADMIN_TOKEN">;

/**
 * Listens on the admin port.
 *
 * @returns `null` where it is turned off
 * @throws {ListenError} Such as where the port is taken
 */
export function startAdmin(
  settings: AdminSettings,
  options: AdminOptions,
): Deno.HttpServer<Deno.NetAddr> | null {
  const { ADMIN_HOST: hostname, ADMIN_PORT: port } = settings;
  if (port === 0) return null;
  return listen({ hostname, port }, createAdminHandler(settings, options));
}

const replayRequest = z.object({
  partition: z.int().min(0),
  offset: z.int().min(0),
  dryRun: z.boolean().default(true),
});

const userSchema = z.string().min(1, "expected a user's id");
const numberSchema = z.string("expected ?user=, ?subscription=, or ?partition= and ?offset=")
  .regex(/^\d{1,15}$/, "expected a whole number")
  .transform(Number);
const limitSchema = z.string().default(String(SESSIONS_TOLD))
  .transform(Number)
  .pipe(z.int().min(1).max(MAX_SESSIONS_TOLD));

/** Makes the handler for `Deno.serve`. */
export function createAdminHandler(
  settings: AdminSettings,
  options: AdminOptions,
): (request: Request) => Promise<Response> {
  const { registry, refresh, health, sessions, quarantine } = options;

  async function metrics(): Promise<Response> {
    refresh();
    const { contentType } = registry;
    return new Response(await registry.metrics(), { headers: { "content-type": contentType } });
  }

  function why(params: URLSearchParams): unknown {
    const answers = createWhy(options);
    if (params.has("user")) {
      return answers.ofUser(parseParam(params, { name: "user", schema: userSchema }));
    }
    const subscription = params.get("subscription");
    if (subscription !== null) return answers.ofSubscription(subscription);
    return answers.ofRecord({
      partition: parseParam(params, { name: "partition", schema: numberSchema }),
      offset: parseParam(params, { name: "offset", schema: numberSchema }),
    });
  }

  function listSessions(params: URLSearchParams): unknown {
    const user = params.get("user");
    const limit = params.has("limit")
      ? parseParam(params, { name: "limit", schema: limitSchema })
      : SESSIONS_TOLD;
    const chosen = user === null ? sessions : sessions.ofUser(user);
    const counts = { sessions: 0, users: 0, subscriptions: 0, behind: 0 };
    for (const session of chosen) {
      counts.sessions++;
      if (session.user !== null) counts.users++;
      counts.subscriptions += session.subscriptionCount;
      if (session.outbox.isBehind) counts.behind++;
    }
    return { counts, sessions: Iterator.from(chosen).take(limit).map(sessionReport).toArray() };
  }

  /** @throws {Refusal} There is none */
  function findSession(id: string): Session {
    const session = sessions.get(id);
    if (!session) throw new Refusal(404, `There is no session ${JSON.stringify(id)}`);
    return session;
  }

  function closeSession(id: string): unknown {
    options.close(findSession(id));
    logger.info("An operator closed a session", { session: id });
    return { id, closed: true };
  }

  function listQuarantine(): unknown {
    return {
      total: quarantine.total,
      records: quarantine.records.map((record) => ({
        ...record,
        timestamp: new Date(record.timestamp).toISOString(),
        readAt: new Date(record.readAt).toISOString(),
        replayed: quarantine.wasReplayed(record),
      })),
    };
  }

  async function replay(request: Request): Promise<unknown> {
    const { dryRun, ...place } = await parseBody(request, replayRequest);
    const id = recordId(place);
    const record = quarantine.records.find((record) => recordId(record) === id);
    if (!record) throw new Refusal(404, `Record ${id} is not in quarantine`);
    const { reason } = record;
    if (quarantine.wasReplayed(record)) {
      throw new Refusal(409, `Record ${id} was written to the topic again already`);
    }
    if (dryRun) return { id, reason, written: false, note: "a dry run; say dryRun: false" };
    const done = quarantine.replaying(record);
    if (!done) throw new Refusal(409, `Record ${id} is being written to the topic again`);
    try {
      await options.replay(place);
      quarantine.noteReplay(id);
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      throw new Refusal(
        502,
        `Record ${id} may not have been written again: ${why}; see /quarantine before another try`,
      );
    } finally {
      done();
    }
    logger.info("Record {id} was written to the topic again", { id });
    return { id, reason, written: true };
  }

  async function route(request: Request, url: URL): Promise<Response> {
    const { pathname, searchParams } = url;
    if (pathname === "/metrics") return await get(request, metrics);
    if (pathname === "/healthz" || pathname === "/readyz") {
      return get(request, () => answerHealth(pathname, health));
    }
    checkToken(request, settings);
    const [, id, close] = /^\/sessions\/([^/]+)(\/close)?$/.exec(pathname) ?? [];
    if (id !== undefined && close) return await post(request, () => closeSession(id));
    if (id !== undefined) return get(request, () => json(sessionReport(findSession(id))));
    switch (pathname) {
      case "/dashboard.json":
        return get(request, () => json(dashboard));
      case "/why":
        return get(request, () => json(why(searchParams)));
      case "/sessions":
        return get(request, () => json(listSessions(searchParams)));
      case "/quarantine":
        return get(request, () => json(listQuarantine()));
      case "/quarantine/replay":
        return await post(request, () => replay(request));
    }
    throw new Refusal(404, `There is no ${pathname} here`);
  }

  return async (request) => {
    try {
      const url = URL.parse(request.url);
      if (!url) throw new Refusal(400, "Bad request");
      checkSender(request, { url, ...settings });
      return await route(request, url);
    } catch (error) {
      if (error instanceof Refusal) return json({ error: error.message }, error.status);
      logger.error("Cannot answer on the admin port: {error}", { error });
      return json({ error: "Internal error; see the log" }, 500);
    }
  };
}

function sessionReport(session: Session) {
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
