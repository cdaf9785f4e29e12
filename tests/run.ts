/**
 * `deno task test`: runs the tests that need no browser, with one broker for the whole run unless
 * KAFKA_BROKERS names one. Arguments go to `deno test`.
 */
import { type Broker, startBroker } from "./_support/kafka/broker.ts";
import { findKafka, HOW_TO_GET_KAFKA } from "./_support/kafka/distribution.ts";

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

async function startBrokerIfNeeded(): Promise<Broker | undefined> {
  if (Deno.env.get("KAFKA_BROKERS")) return undefined;
  const distribution = await findKafka();
  if (distribution) return await startBroker(distribution);
  if (Deno.env.get("CI") === "true") throw new Error(HOW_TO_GET_KAFKA);
  // deno-lint-ignore no-console
  console.error(`${HOW_TO_GET_KAFKA}: those tests are ignored`);
  return undefined;
}

async function runTests(args: string[]): Promise<number> {
  await using broker = await startBrokerIfNeeded();
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
