/**
 * `deno task test`: runs the tests that need neither a browser nor minutes. All of them share one broker:
 * the one that KAFKA_BROKERS names, or one that is started for this run. Arguments go to `deno test`; if
 * they name no file, all tests run.
 */
import { fileURLToPath } from "node:url";
import { runBroker } from "./_support/kafka/run_broker.ts";
import denoJson from "./deno.json" with { type: "json" };

const CONFIG = fileURLToPath(import.meta.resolve("./deno.json"));

/** Not `-P=tests`: of `deno test`, --quiet hides not only its warning, but the output of tests too. */
const PERMISSIONS = Object.keys(denoJson.permissions.tests).map((name) => `--allow-${name}`);

/** All tests of `deno task test`: files side by side, as most of them wait most of the time. */
const SUITE = ["--parallel", "--ignore=tests/browser,tests/load", "tests/"];
/** Files that run at once, unless DENO_JOBS says otherwise. */
const JOBS = "4";

async function runTests(args: string[]): Promise<number> {
  await using broker = await runBroker("those tests are");
  const tests = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--no-prompt",
      ...["--config", CONFIG],
      ...PERMISSIONS,
      ...args,
      ...args.every((arg) => arg.startsWith("-")) ? SUITE : [],
    ],
    env: {
      DENO_JOBS: Deno.env.get("DENO_JOBS") ?? JOBS,
      ...broker ? { KAFKA_BROKERS: broker.address } : {},
    },
  }).spawn();
  // The tests get the terminal's Ctrl-C as well, and this process waits for their end.
  Deno.addSignalListener("SIGINT", () => {});
  const { code } = await tests.status;
  return code;
}

Deno.exit(await runTests(Deno.args));
