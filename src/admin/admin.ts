/**
 * The admin port, for operators. It listens on loopback unless ADMIN_HOST says otherwise, and refuses
 * requests from web pages of other origins.
 */
import { getLogger } from "@logtape/logtape";
import * as z from "zod";
import { answerHealth, type Health } from "../http/health.ts";
import { Listener } from "../http/listen.ts";
import type { Quarantine } from "../log/quarantine.ts";
import type { LogReader } from "../log/reader.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { VitalPart } from "../observe/vital_parts.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Settings } from "../settings/settings.ts";
import dashboard from "./dashboard.json" with { type: "json" };
import { Answers } from "./http/answers.ts";
import { checkSender, checkToken } from "./http/guard.ts";
import { limitOf, nextPath, parseParam } from "./http/params.ts";
import type { Pieces } from "./http/pieces.ts";
import { get, json, post, Refusal } from "./http/requests.ts";
import { WrongTokens } from "./http/wrong_tokens.ts";
import { listQuarantine, replayFromQuarantine } from "./quarantine.ts";
import { describeSession, findSession, listSessions } from "./sessions.ts";
import { Why, type WhyOptions } from "./why.ts";

const logger = getLogger(["wss", "admin"]);

/** What the admin port shows, and what it does. */
export interface AdminOptions extends WhyOptions {
  readonly metrics: Pick<Metrics, "registry" | "adminRefusals">;
  /** Called before the registry is read. Rests between its steps. */
  readonly refresh: () => Iterable<void>;
  readonly health: Health;
  readonly sessions: Sessions;
  readonly quarantine: Quarantine;
  /** See {@linkcode LogReader.replay}. */
  readonly replay: LogReader["replay"];
  /** Closes the connection of a session. */
  readonly close: (session: Session) => void;
  /** The port itself. */
  readonly part: VitalPart;
}

/** The settings of the admin port. */
export type AdminSettings = Pick<Settings, "ADMIN_HOST" | "ADMIN_PORT" | "ADMIN_TOKEN">;

/**
 * Listens on the admin port.
 *
 * @returns `null` if ADMIN_PORT is 0, which turns the port off
 * @throws {ListenError} The service cannot listen, for example because the port is in use
 */
export function startAdmin(
  settings: AdminSettings,
  options: AdminOptions,
): Listener | null {
  const { ADMIN_HOST: hostname, ADMIN_PORT: port } = settings;
  if (port === 0) return null;
  const { part } = options;
  const wrongTokens = new WrongTokens();
  const answers = { ofMetrics: new Answers(), ofOthers: new Answers() };
  return new Listener(
    { hostname, port, onDown: part.down, onUp: part.up },
    async (request, { remoteAddr }) => {
      try {
        const url = URL.parse(request.url);
        if (!url) throw new Refusal(400, "Bad request");
        checkSender(request, { url, ...settings });
        return await route(request, {
          url,
          address: remoteAddr.hostname,
          settings,
          options,
          answers,
        });
      } catch (error) {
        if (error instanceof Refusal) {
          const { counted } = error;
          if (counted) options.metrics.adminRefusals.inc({ reason: counted });
          if (counted === "wrong_token") {
            const retryAfter = await wrongTokens.note(remoteAddr.hostname, request);
            if (retryAfter > 0) return tooManyWrongTokens(retryAfter);
          }
          return json({ error: error.message }, error.status);
        }
        logger.error("Cannot answer on the admin port: {error}", { error });
        return json({ error: "Internal error; see the log" }, 500);
      }
    },
  );
}

function tooManyWrongTokens(retryAfter: number): Response {
  const response = json({ error: "Too many wrong tokens: try again later" }, 429);
  response.headers.set("retry-after", String(retryAfter));
  return response;
}

/** @throws {Refusal} The request cannot be answered */
async function route(
  request: Request,
  { url: { pathname, searchParams }, address, settings, options, answers }: {
    url: URL;
    address: string;
    settings: AdminSettings;
    options: AdminOptions;
    /** Metrics need no token, so requests for them have places of their own. */
    answers: { ofMetrics: Answers; ofOthers: Answers };
  },
): Promise<Response> {
  const { sessions, quarantine, health } = options;
  if (pathname === "/metrics") {
    const { contentType } = options.metrics.registry;
    return await get(
      request,
      () => answers.ofMetrics.answer(writeMetrics(options), { contentType, address }),
    );
  }
  if (pathname === "/healthz" || pathname === "/readyz") {
    return await get(request, () => answerHealth(pathname, health));
  }
  checkToken(request, settings);
  const getJson = (write: () => Pieces) =>
    get(
      request,
      () => answers.ofOthers.answer(write(), { contentType: "application/json", address }),
    );
  const [, id, close] = /^\/sessions\/([^/]+)(\/close)?$/.exec(pathname) ?? [];
  if (id !== undefined && close) return await post(request, () => closeSession(id, options));
  if (id !== undefined) {
    return await getJson(() => describeSession(findSession(sessions, id), searchParams));
  }
  switch (pathname) {
    case "/dashboard.json":
      return await get(request, () => json(dashboard));
    case "/why":
      return await getJson(() => why(searchParams, options));
    case "/sessions":
      return await getJson(() => listSessions(sessions, searchParams));
    case "/quarantine":
      return await getJson(() => listQuarantine(quarantine, searchParams));
    case "/quarantine/replay":
      return await post(request, () => replayFromQuarantine(request, options));
  }
  throw new Refusal(404, `The admin port has no path ${pathname}`);
}

/** All metrics in the format of Prometheus, one after the other. */
async function* writeMetrics(
  { refresh, metrics: { registry } }: Pick<AdminOptions, "refresh" | "metrics">,
): AsyncGenerator<string> {
  for (const _step of refresh()) yield "";
  for (const { name } of registry.getMetricsAsArray()) {
    yield `${await registry.getSingleMetricAsString(name)}\n\n`;
  }
}

const userSchema = z.string().min(1, "expected a user's id");
const numberSchema = z.string("expected ?user=, ?subscription=, or ?partition= and ?offset=")
  .regex(/^\d{1,15}$/, "expected a whole number")
  .transform(Number);

function why(params: URLSearchParams, options: WhyOptions): Pieces {
  const number = (name: string) => parseParam(params, { name, schema: numberSchema });
  const page = {
    limit: limitOf(params),
    before: params.has("before") ? number("before") : Infinity,
    path: (before: string) => nextPath("/why", params, { before }),
  };
  const answers = new Why(options);
  if (params.has("user")) {
    return answers.ofUser(parseParam(params, { name: "user", schema: userSchema }), page);
  }
  const subscription = params.get("subscription");
  if (subscription !== null) return answers.ofSubscription(subscription, page);
  return answers.ofRecord(
    { partition: number("partition"), offset: number("offset") },
    params.get("session"),
  );
}

function closeSession(id: string, { sessions, close }: AdminOptions): unknown {
  close(findSession(sessions, id));
  logger.info("An operator closed a session", { session: id });
  return { id, closed: true };
}
