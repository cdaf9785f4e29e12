/**
 * `deno task dev`: the service with a demo backend. Unless KAFKA_BROKERS is set, a log in memory takes
 * the place of Kafka. It listens on loopback only, and does not run in production.
 */
import { DotEnvError, findSettings, type FoundSettings } from "../settings/environment.ts";
import { parseSettings } from "../settings/parse.ts";
import type { SettingName } from "../settings/settings.ts";
import { KafkaReader } from "../kafka/reader.ts";
import { connectKafkaProducer, type KafkaProducer } from "../kafka/producer.ts";
import type { LogReader } from "../log/reader.ts";
import { runService } from "../run.ts";
import type { Service } from "../service.ts";
import { StopSignals } from "../util/stop_signals.ts";
import { createDemoBackend, type Publish } from "./demo_backend.ts";
import { DEMO_USERS } from "./demo_store.ts";
import { createEmbeddedLog } from "./embedded_log.ts";
import { createPage } from "./page.ts";

const LOOPBACK = "127.0.0.1";

async function main(): Promise<number> {
  try {
    return await runDemo(await findSettings());
  } catch (error) {
    if (!(error instanceof DotEnvError)) throw error;
    printError(error.message);
    return 2;
  }
}

async function runDemo(
  { found, warnings }: Awaited<ReturnType<typeof findSettings>>,
): Promise<number> {
  for (const warning of warnings) printError(warning);
  if (found.get("NODE_ENV")?.text === "production") {
    printError(
      "NODE_ENV is production, where deno task dev does not run: its demo users have public tokens",
    );
    return 2;
  }

  const withKafka = found.has("KAFKA_BROKERS");
  // Before anything listens, so that wrong settings end it with exit code 2, as they end the service.
  const checked = parseSettings(withDemoSettings(found, `http://${LOOPBACK}`), undefined);
  if ("problems" in checked) {
    checked.problems.forEach(printError);
    return 2;
  }

  let publish: Publish = () => {};
  const demoBackend = createDemoBackend((value) => publish(value));
  let demoServer: Deno.HttpServer<Deno.NetAddr>;
  const port = demoPort(checked.settings);
  try {
    demoServer = Deno.serve({ hostname: LOOPBACK, port, onListen: () => {} }, demoBackend);
  } catch (error) {
    printError(
      `Cannot listen on ${LOOPBACK}:${port}, which is PORT + 2, for the demo backend: ${error}`,
    );
    return 1;
  }
  const demoUrl = `http://${LOOPBACK}:${demoServer.addr.port}`;
  const parsed = parseSettings(withDemoSettings(found, demoUrl), undefined);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));

  let reader: LogReader;
  if (withKafka) {
    print(
      "KAFKA_BROKERS is set (perhaps in .env), so this waits for Kafka. Unset it to use a log in memory",
    );
    reader = new KafkaReader(parsed.settings);
    publish = createKafkaPublish(() => connectKafkaProducer(parsed.settings));
  } else {
    const log = createEmbeddedLog();
    reader = log.createReader();
    publish = log.publish;
  }
  return await runService(parsed.settings, reader, {
    signals: new StopSignals(),
    fallback: createPage(demoBackend),
    onReady: ({ address }: Service) => {
      printWelcome({ port: address.port, demoUrl, log: withKafka ? "Kafka" : "a log in memory" });
    },
  });
}

/** Makes a function that connects to Kafka when it first publishes, and again after a failure. */
function createKafkaPublish(connect: () => Promise<KafkaProducer>): Publish {
  let connecting: Promise<KafkaProducer> | undefined;
  return async (value) => {
    connecting ??= connect();
    try {
      await (await connecting).publish({ value });
    } catch (error) {
      connecting = undefined;
      throw error;
    }
  };
}

/** The port after the admin port, so that the printed lines are the same at each start. */
function demoPort({ PORT }: { PORT: number }): number {
  return PORT === 0 || PORT + 2 > 65_535 ? 0 : PORT + 2;
}

function withDemoSettings(found: FoundSettings, demoUrl: string): FoundSettings {
  const own: Partial<Record<SettingName, string>> = {
    HOST: LOOPBACK,
    ADMIN_HOST: LOOPBACK,
    API_URL_USER: `${demoUrl}/users/me`,
    API_URL_NOTIFICATION: `${demoUrl}/users/me/notifications`,
    API_URL_SCHEDULE_MOBILE: `${demoUrl}/schedules`,
    API_URL_TOURNAMENT_MOBILE: `${demoUrl}/tournaments`,
    ...(found.has("KAFKA_BROKERS") ? {} : { KAFKA_BROKERS: "none:1" }),
    ...(found.has("NODE_ENV") ? {} : { NODE_ENV: "development" }),
    // A developer who presses Ctrl-C does not want to wait.
    ...(found.has("DRAIN_SECONDS") ? {} : { DRAIN_SECONDS: "0" }),
  };
  const settings = new Map(found);
  for (const [name, text] of Object.entries(own)) {
    settings.set(name as SettingName, { text, source: "default" });
  }
  return settings;
}

function printWelcome({ port, demoUrl, log }: { port: number; demoUrl: string; log: string }) {
  const [alice, bob] = DEMO_USERS;
  const authenticate = { rid: 1, command: "authentication", options: { authToken: alice.token } };
  const list = { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } };
  print(`
wss is running with a demo backend and ${log}. Only this machine can reach it.

  Page       http://${LOOPBACK}:${port}/ (open it in two windows, side by side)
  Connect    npx -y wscat -c ws://${LOOPBACK}:${port}/web
  Users      ${alice.name} (id ${alice.id}, token ${alice.token})
             ${bob.name} (id ${bob.id}, token ${bob.token})

To log in as ${alice.name} and get her list, paste these lines into the connection:

${JSON.stringify(authenticate)}
${JSON.stringify(list)}

To create a notification for ${alice.name}, paste this line into another terminal:

curl ${demoUrl}/notifications -d '{"userId":"${alice.id}","type":"message","data":{"text":"Hello"}}'
`);
}

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

function printError(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

if (import.meta.main) Deno.exit(await main());
