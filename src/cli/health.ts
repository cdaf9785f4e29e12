/**
 * `wss --health`: asks the running service whether it lives, for example for a container's health check.
 */
import { findSettings } from "../settings/environment.ts";
import { settingInfo } from "../settings/settings.ts";
import { printError } from "./print.ts";

const TIMEOUT_MS = 3000;

/**
 * Runs the command and gives the exit code: 0 if the service with the same HOST and PORT answers, else 1.
 *
 * @throws {DotEnvError} `.env` cannot be read
 */
export async function checkHealth(): Promise<number> {
  const { found, warnings } = await findSettings();
  for (const warning of warnings) printError(warning);
  const host = found.get("HOST")?.text ?? settingInfo("HOST").fallback;
  const port = found.get("PORT")?.text ?? settingInfo("PORT").fallback;
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  const address = `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
  try {
    const response = await fetch(`http://${address}/healthz`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (response.ok) return 0;
    printError(`The service is not healthy: ${address} answered ${response.status}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    printError(`The service is not healthy: ${address}: ${reason}`);
  }
  return 1;
}
