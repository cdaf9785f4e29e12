/**
 * Asks each backend API without a token, for `wss check`.
 */
import { fetchKeys } from "../../backend/jwt/key_set.ts";
import { whyNotFetched } from "../../backend/unreadable.ts";
import type { Finding } from "../../kafka/check/finding.ts";
import type { Settings } from "../../settings/settings.ts";

/** The settings that are tried. */
type ApiSettings = Pick<
  Settings,
  | "API_URL_USER"
  | "API_URL_NOTIFICATION"
  | "API_URL_SCHEDULE_MOBILE"
  | "API_URL_TOURNAMENT_MOBILE"
  | "AUTH_JWKS_URL"
  | "BACKEND_TIMEOUT_MS"
>;

/** How an API is asked, and which answers are right. */
interface ApiCheck {
  readonly setting: Exclude<keyof ApiSettings, "BACKEND_TIMEOUT_MS">;
  /** What is added to the path. */
  readonly id?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly isRight: (status: number) => boolean;
  /** What a right answer is. */
  readonly expected: string;
}

/** Milliseconds by which a clock may differ. `Date` counts in seconds. */
const MAX_SKEW_MS = 5000;

const isRefusal = (status: number) => status === 401 || status === 403;

const CHECKS: readonly ApiCheck[] = [
  {
    setting: "API_URL_USER",
    isRight: isRefusal,
    expected: "401 or 403, as there is no token: other answers never end a session at once (AUTH6)",
  },
  {
    setting: "API_URL_NOTIFICATION",
    query: { limit: "1" },
    isRight: isRefusal,
    expected: "401 or 403, as there is no token",
  },
  {
    setting: "API_URL_SCHEDULE_MOBILE",
    query: { from: "1", to: "2", tz: "UTC" },
    isRight: (status) => status >= 200 && status < 300,
    expected: "a list, as guests get one",
  },
  {
    setting: "API_URL_TOURNAMENT_MOBILE",
    id: "wss-check",
    isRight: (status) => status >= 200 && status < 300 || status === 404,
    expected: "404, as there is no such tournament, or a tournament",
  },
  {
    setting: "AUTH_JWKS_URL",
    isRight: (status) => status === 200,
    expected: "200 with the keys",
  },
];

/** Asks the APIs that the settings name, all at once. */
export async function checkApis(settings: ApiSettings): Promise<Finding[]> {
  const findings = await Promise.all(CHECKS.map(async (check): Promise<Finding[]> => {
    const url = settings[check.setting];
    if (!url) return [];
    const found = await checkApi(check, url, settings.BACKEND_TIMEOUT_MS);
    const hasAnswered = found[0]?.advice === undefined;
    return check.setting === "AUTH_JWKS_URL" && hasAnswered
      ? [...found, await checkKeys(url, settings.BACKEND_TIMEOUT_MS)]
      : found;
  }));
  return findings.flat();
}

/** Reads the key set as the service does: a page with a login form is none, although it may be 200. */
async function checkKeys(url: URL, timeoutMs: number): Promise<Finding> {
  const subject = "AUTH_JWKS_URL";
  const advice = "look at the URL: without a key, no JWT can be verified (AUTH8)";
  try {
    const { length } = await fetchKeys(url, { timeoutMs });
    const text = `${url.host} has ${length} ${length === 1 ? "key" : "keys"}`;
    return length === 0 ? { subject, text, advice } : { subject, text };
  } catch (error) {
    return { subject, text: `${url.host}: ${whyNotFetched(error)}`, advice };
  }
}

async function checkApi(
  { setting, id, query = {}, isRight, expected }: ApiCheck,
  base: URL,
  timeoutMs: number,
): Promise<Finding[]> {
  const subject = setting;
  const url = new URL(base);
  if (id !== undefined) url.pathname = `${url.pathname.replace(/\/$/, "")}/${id}`;
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const { host } = url;
  let response: Response;
  const askedAt = Date.now();
  try {
    response = await fetch(url, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
  } catch (error) {
    const text = error instanceof DOMException && error.name === "TimeoutError"
      ? `no answer within BACKEND_TIMEOUT_MS (${timeoutMs})`
      : whyNotFetched(error);
    return [{
      subject,
      text: `${host}: ${text}`,
      advice: "look at the URL, name lookups, the network and TLS",
    }];
  }
  const { status, headers } = response;
  const text = `${host} answers ${status} without a token`;
  const answer = isRight(status)
    ? { subject, text }
    : { subject, text, advice: `look at the URL and the API; expected ${expected}` };
  const skew = skewOf(headers.get("date"), askedAt);
  return skew === undefined ? [answer] : [answer, {
    subject,
    text: `the clock of ${host} is ${skew} of the clock here`,
    advice: "set both clocks by NTP",
  }];
}

/** How far a clock is away, in words; `undefined` if it is near, or not known. */
function skewOf(date: string | null, askedAt: number): string | undefined {
  const at = Date.parse(date ?? "");
  if (Number.isNaN(at)) return undefined;
  if (at < askedAt - MAX_SKEW_MS) return `${Math.round((askedAt - at) / 1000)} s behind`;
  const aheadMs = at - Date.now();
  return aheadMs > MAX_SKEW_MS ? `${Math.round(aheadMs / 1000)} s ahead` : undefined;
}
