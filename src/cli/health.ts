/**
 * `wss --health`: asks the running service whether it lives, for example for a container's health check.
 */
import { get } from "node:http";
import { DotEnvError, findSettings } from "../settings/environment.ts";
import { settingInfo } from "../settings/settings.ts";
import { printError } from "./print.ts";

const TIMEOUT_MS = 3000;

/** Runs the command and gives the exit code: 0 if the service with the same HOST and PORT answers, else 1. */
export async function checkHealth(): Promise<number> {
  try {
    return await askHealth(await findSettings());
  } catch (error) {
    if (!(error instanceof DotEnvError)) throw error;
    printError(error.message);
    return 1;
  }
}

async function askHealth(
  { found, warnings }: Awaited<ReturnType<typeof findSettings>>,
): Promise<number> {
  for (const warning of warnings) printError(warning);
  const host = found.get("HOST")?.text ?? settingInfo("HOST").fallback;
  const port = found.get("PORT")?.text ?? settingInfo("PORT").fallback;
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  const address = `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
  try {
    const status = await statusOf(`http://${address}/healthz`);
    if (status === 200) return 0;
    printError(`The service is not healthy: ${address} answered ${status}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    printError(`The service is not healthy: ${address}: ${reason}`);
  }
  return 1;
}

/** Asks for a status. `fetch` would ask the proxy that HTTP_PROXY names, also for this machine. */
function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}
