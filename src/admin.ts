/**
 * The admin port, for operators: metrics, health, why, sessions, quarantine. On loopback unless
 * ADMIN_HOST says otherwise, and closed to web pages.
 */
import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import * as z from "zod";
import { isLoopback, type Settings } from "./config.ts";
import dashboard from "./dashboard.json" with { type: "json" };
import { answerHealth, type Health, methodNotAllowed } from "./health.ts";
import { listen } from "./listen.ts";
import type { LogReader } from "./log_reader.ts";
import { recordId } from "./protocol.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Sessions } from "./sessions.ts";
import type { Stream } from "./stream.ts";
import type { Trace } from "./trace.ts";
import { createWhy, sessionReport } from "./why.ts";

const log = getLogger(["wss", "admin"]);

/** Sessions that are told of at once, unless `?limit=` says otherwise. */
const SESSIONS_TOLD = 100;

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
  /** Closes a session's connection; whether there was one. */
  readonly close: (sessionId: string) => boolean;
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

/** A request that is refused: why, said to a person. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const replayRequest = z.object({
  partition: z.int().min(0),
  offset: z.int().min(0),
  dryRun: z.boolean().default(true),
});

const userSchema = z.string().min(1);
const numberSchema = z.string().regex(/^\d{1,15}$/).transform(Number);

/** Makes the handler for `Deno.serve`. */
export function createAdminHandler(
  { ADMIN_HOST, ADMIN_TOKEN }: AdminSettings,
  options: AdminOptions,
): (request: Request) => Promise<Response> {
  const { registry, refresh, health, sessions, quarantine } = options;

  /** @throws {Refusal} It may come from a web page, or from somebody who has no business here */
  function checkSender({ headers }: Request, { host, hostname }: URL): void {
    // A page whose name was made to lead here sends that name as the host.
    if (isLoopback(ADMIN_HOST) && !isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) {
      throw new Refusal(403, `Forbidden: the host ${JSON.stringify(hostname)} is not loopback`);
    }
    const origin = headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== host) {
      throw new Refusal(403, "Forbidden: the request comes from a page of another origin");
    }
  }

  /** @throws {Refusal} ADMIN_TOKEN is set, and the request has another or none */
  function checkToken({ headers }: Request): void {
    if (ADMIN_TOKEN === undefined) return;
    const given = headers.get("authorization") ?? "";
    if (!timingSafeEqual(digest(given), digest(`Bearer ${ADMIN_TOKEN}`))) {
      throw new Refusal(401, "Unauthorized: expected Authorization: Bearer <ADMIN_TOKEN>");
    }
  }

  function why(params: URLSearchParams): unknown {
    const [user, subscription] = [params.get("user"), params.get("subscription")];
    const answers = createWhy(options);
    if (user !== null) return answers.ofUser(parse("user", userSchema, user));
    if (subscription !== null) return answers.ofSubscription(subscription);
    return answers.ofRecord({
      partition: parse("partition", numberSchema, params.get("partition")),
      offset: parse("offset", numberSchema, params.get("offset")),
    });
  }

  function listSessions(params: URLSearchParams): unknown {
    const user = params.get("user");
    const limit = parse("limit", numberSchema, params.get("limit") ?? String(SESSIONS_TOLD));
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

  function listQuarantine(): unknown {
    return {
      total: quarantine.total,
      records: quarantine.records.map((record) => ({
        ...record,
        timestamp: new Date(record.timestamp).toISOString(),
        replayed: quarantine.wasReplayed(record),
      })),
    };
  }

  async function replay(request: Request): Promise<unknown> {
    const { dryRun, ...place } = parseBody(replayRequest, await request.text());
    const id = recordId(place);
    const record = quarantine.records.find((record) => recordId(record) === id);
    if (!record) throw new Refusal(404, `Record ${id} is not in quarantine`);
    if (quarantine.wasReplayed(record)) {
      throw new Refusal(409, `Record ${id} was written to the topic again already`);
    }
    if (dryRun) {
      return { id, reason: record.reason, written: false, note: "dry run; say dryRun: false" };
    }
    quarantine.noteReplay(id);
    try {
      await options.replay(place);
    } catch (error) {
      quarantine.forgetReplay(id);
      const reason = error instanceof Error ? error.message : error;
      throw new Refusal(502, `Record ${id} could not be written again: ${reason}`);
    }
    log.info("Record {id} was written to the topic again", { id });
    return { id, reason: record.reason, written: true };
  }

  function showSession(id: string): Response {
    const session = sessions.get(id);
    if (!session) throw noSession(id);
    return json(sessionReport(session));
  }

  function closeSession(id: string): unknown {
    if (!options.close(id)) throw noSession(id);
    log.info("An operator closed a session", { session: id });
    return { id, closed: true };
  }

  async function route(request: Request, url: URL): Promise<Response> {
    const { pathname, searchParams } = url;
    switch (pathname) {
      case "/healthz":
      case "/readyz":
        return get(request, () => answerHealth(pathname, health));
      case "/metrics":
        return await get(request, async () => {
          refresh();
          const { contentType } = registry;
          return new Response(await registry.metrics(), {
            headers: { "content-type": contentType },
          });
        });
    }
    checkToken(request);
    const [, id, close] = /^\/sessions\/([^/]+)(\/close)?$/.exec(pathname) ?? [];
    if (id !== undefined && close) return await post(request, () => closeSession(id));
    if (id !== undefined) return get(request, () => showSession(id));
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
      checkSender(request, url);
      return await route(request, url);
    } catch (error) {
      if (error instanceof Refusal) return json({ error: error.message }, error.status);
      log.error("Cannot answer on the admin port: {error}", { error });
      return json({ error: "Internal error; see the log" }, 500);
    }
  };
}

function get<R>({ method }: Request, respond: () => R): R | Response {
  return method === "GET" || method === "HEAD" ? respond() : methodNotAllowed();
}

/** A page of another origin can't send JSON without asking first, which nothing here allows. */
async function post(request: Request, act: () => unknown): Promise<Response> {
  if (request.method !== "POST") return methodNotAllowed("POST");
  if (!/^application\/json\b/i.test(request.headers.get("content-type") ?? "")) {
    throw new Refusal(415, "Expected Content-Type: application/json");
  }
  return json(await act());
}

function noSession(id: string): Refusal {
  return new Refusal(404, `There is no session ${JSON.stringify(id)}`);
}

/** @throws {Refusal} It is not what it should be */
function parse<S extends z.ZodType>(name: string, schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal(
    400,
    value === null
      ? `Expected ?user=, ?subscription= or ?partition= and ?offset=; ${name} is missing`
      : `Cannot take ${JSON.stringify(value)} as ${name}`,
  );
}

/** @throws {Refusal} It is not what it should be */
function parseBody<S extends z.ZodType>(schema: S, text: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, "Cannot read the body: it is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Refusal(400, `Cannot take ${issue?.path.join(".") || "the body"}: ${issue?.message}`);
}

function json(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value, null, 2)}\n`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
