/**
 * Checks at the start whether the process may open as many files as its settings may need.
 */
import { getLogger } from "@logtape/logtape";
import type { Settings } from "../settings/settings.ts";
import { countSpareFiles } from "../util/spare_files.ts";

const logger = getLogger(["wss", "main"]);

/** Files for Kafka's brokers, the ports, name lookups and clients that are refused. */
const RESERVE = 200;
/** The most files that are counted. These take 25 ms of the start, and 5 MB of memory for a while. */
const MAX_COUNTED = 5000;

/** Settings that say how many files the service may need: a connection and a request are a file each. */
type FileSettings = Pick<
  Settings,
  | "MAX_CONNECTIONS"
  | "REQUEST_POOL_SIZE"
  | "API_URL_USER"
  | "API_URL_NOTIFICATION"
  | "API_URL_SCHEDULE_MOBILE"
  | "API_URL_TOURNAMENT_MOBILE"
>;

/** Logs a warning if the process may open fewer files than its settings may need. */
export function checkOpenFiles(settings: FileSettings): void {
  const { MAX_CONNECTIONS, REQUEST_POOL_SIZE } = settings;
  const apis = [
    settings.API_URL_USER,
    settings.API_URL_NOTIFICATION,
    settings.API_URL_SCHEDULE_MOBILE,
    settings.API_URL_TOURNAMENT_MOBILE,
  ].filter(Boolean).length;
  const others = apis * REQUEST_POOL_SIZE + RESERVE;
  const needed = MAX_CONNECTIONS + others;
  const counted = Math.min(needed, MAX_COUNTED);
  const spare = countSpareFiles(counted);
  if (spare === undefined || spare >= counted) return;
  logger.warn(
    "The process may open only {spare} more files, but MAX_CONNECTIONS ({MAX_CONNECTIONS}), " +
      "REQUEST_POOL_SIZE ({REQUEST_POOL_SIZE} for each of {apis} APIs) and Kafka may need {needed}: " +
      "raise its limit of open files (LimitNOFILE, ulimit -n) to {limit}, or lower these settings",
    { spare, MAX_CONNECTIONS, REQUEST_POOL_SIZE, apis, needed, limit: needed + RESERVE },
  );
}
