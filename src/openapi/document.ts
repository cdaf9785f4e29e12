/**
 * The APIs that wss asks, as an OpenAPI document: what it sends, and what it takes as an answer. It is
 * made from the schemas that parse the answers.
 */
import { settingInfo, type SettingName } from "../settings/settings.ts";
import {
  getNotifications,
  getSchedules,
  getTournament,
  getUser,
  putNotifications,
} from "./operations.ts";
import { SHARED_RESPONSES } from "./responses.ts";

/** What is true of every request. */
const DESCRIPTION = `What wss asks of the backend APIs. IDs such as BCK1 name rules of its protocol
reference.

The paths are examples: a setting has the URL of each API, and its query, if it has one, comes before
the parameters. An answer must be whole within BACKEND_TIMEOUT_MS
(${settingInfo("BACKEND_TIMEOUT_MS").fallback}) milliseconds and have at most MAX_BACKEND_BYTES
(${settingInfo("MAX_BACKEND_BYTES").fallback}) bytes. Each API gets at most REQUEST_POOL_SIZE
(${
  settingInfo("REQUEST_POOL_SIZE").fallback
}) requests at once. A body is passed on byte for byte.`;

/** The server of the API whose URL is in a setting. */
function serverOf(setting: SettingName, path: string, fallback: string) {
  return [{
    url: "{origin}",
    description: `${setting} is this origin with the path ${path}`,
    variables: { origin: { default: fallback } },
  }];
}

/** Makes the document. */
export function createOpenApi({ version }: { version: string }) {
  return {
    openapi: "3.1.1",
    info: { title: "Backend APIs of wss", version, description: DESCRIPTION },
    paths: {
      "/users/me": {
        servers: serverOf("API_URL_USER", "/users/me", "https://api-user"),
        get: getUser,
      },
      "/users/me/notifications": {
        servers: serverOf("API_URL_NOTIFICATION", "/users/me/notifications", "https://api-user"),
        get: getNotifications,
        put: putNotifications,
      },
      "/schedules": {
        servers: serverOf("API_URL_SCHEDULE_MOBILE", "/schedules", "https://api-schedule"),
        get: getSchedules,
      },
      "/tournaments/{id}": {
        servers: serverOf("API_URL_TOURNAMENT_MOBILE", "/tournaments", "https://api-tournament"),
        get: getTournament,
      },
    },
    components: {
      responses: SHARED_RESPONSES,
      securitySchemes: {
        token: {
          type: "apiKey",
          in: "header",
          name: "Authorization",
          description: "The token exactly as the client gave it, with or without `Bearer ` (BCK2)",
        },
      },
    },
  };
}
