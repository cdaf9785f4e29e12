/**
 * `wss --health`: asks the running service whether it lives, for example for a container's health check.
 */
import { get } from "node:http";
import { bracketed } from "../settings/bracketed.ts";
import { DotEnvError, findSettings } from "../settings/environment.ts";
import { parseAddress } from "../settings/parse.ts";
import { printError } from "./print.ts";

const TIMEOUT_MS = 3000;

/**
 * Runs the command and gives the exit code: 0 if the service with the same HOST and PORT answers, else 1,
 * also if the settings are wrong. Docker allows a health check no other code.
 */
export async function checkHealth(): Promise<number> {
  const address = await findAddress();
  if (!address) return 1;
  const { hostname, port } = address;
  const shown = `${bracketed(hostname)}:${port}`;
  try {
    const status = await askHealth(address);
    if (status === 200) return 0;
    printError(`The service is not healthy: ${shown} answered ${status}`);
  } catch (error) {
    printError(`The service is not healthy: ${shown}: ${reasonOf(error)}`);
  }
  return 1;
}

/** Where the service can be reached. */
interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** Finds the address of the service; prints why there is none. */
async function findAddress(): Promise<Address | undefined> {
  try {
    const { found, warnings } = await findSettings();
    for (const warning of warnings) printError(warning);
    const parsed = parseAddress(found);
    if ("settings" in parsed) {
      const { HOST, PORT } = parsed.settings;
      return { hostname: { "0.0.0.0": "127.0.0.1", "::": "::1" }[HOST] ?? HOST, port: PORT };
    }
    for (const problem of parsed.problems) printError(problem);
  } catch (error) {
    if (!(error instanceof DotEnvError)) throw error;
    printError(error.message);
  }
  return undefined;
}

/** Gives the status of the answer. Other than fetch, `node:http` uses no proxy of the environment. */
function askHealth({ hostname, port }: Address): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  get({ hostname, port, path: "/healthz", agent: false, signal }, (response) => {
    response.resume();
    resolve(response.statusCode);
  }).on("error", reject);
  return promise;
}

function reasonOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return error.name === "AbortError" ? `no answer within ${TIMEOUT_MS} ms` : error.message;
}
