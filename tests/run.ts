/**
 * `deno task test`: runs the tests that need no browser, with one broker for the whole run unless
 * KAFKA_BROKERS names one. Arguments go to `deno test`.
 */
import { runBroker } from "./_support/kafka/run_broker.ts";

const TEST = [
  "test",
  "--no-prompt",
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-sys",
];

async function runTests(args: string[]): Promise<number> {
  await using broker = await runBroker("those tests are");
  const tests = new Deno.Command(Deno.execPath(), {
    args: [...TEST, ...args.length > 0 ? args : ["--ignore=tests/browser", "tests/"]],
    env: broker ? { KAFKA_BROKERS: broker.address } : {},
  }).spawn();
  // The tests get the terminal's Ctrl-C as well, and this waits for them to end.
  Deno.addSignalListener("SIGINT", () => {});
  const { code } = await tests.status;
  return code;
}

Deno.exit(await runTests(Deno.args));
