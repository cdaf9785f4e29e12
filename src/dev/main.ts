/**
 * `deno task dev`: the service with a demo backend and, unless KAFKA_BROKERS is set, a log in memory
 * in place of Kafka. On loopback only, never in production.
 */
import { findSettings, type FoundSettings } from "../settings/environment.ts";
import { parseSettings } from "../settings/parse.ts";
import type { SettingName } from "../settings/settings.ts";
import { KafkaReader } from "../kafka/reader.ts";
import { connectKafkaProducer, type KafkaProducer } from "../kafka/producer.ts";
import type { LogReader } from "../log/reader.ts";
import { runService } from "../run.ts";
import type { Service } from "../service.ts";
import { createDemoBackend, type Publish } from "./demo_backend.ts";
import { DEMO_USERS } from "./demo_store.ts";
import { createEmbeddedLog } from "./embedded_log.ts";
import { createPage } from "./page.ts";

const LOOPBACK = "127.0.0.1";

async function main(): Promise<number> {
  const { found, warnings } = await findSettings();
  for (const warning of warnings) printError(warning);
  if (found.get("NODE_ENV")?.text === "production") {
    printError("NODE_ENV is production: deno task dev has open doors, it does not run there");
    return 2;
  }

  const withKafka = found.has("KAFKA_BROKERS");
  // Before anything listens: wrong settings are told of as by the service itself.
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
    printError(`The demo backend can't listen on ${LOOPBACK}:${port}: ${error}`);
    return 1;
  }
  const demoUrl = `http://${LOOPBACK}:${demoServer.addr.port}`;
  const parsed = parseSettings(withDemoSettings(found, demoUrl), undefined);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));

  let reader: LogReader;
  if (withKafka) {
    print(
      "KAFKA_BROKERS is set, perhaps in .env: waiting for Kafka. Without it a log in memory takes its place",
    );
    reader = new KafkaReader(parsed.settings);
    publish = createKafkaPublish(() => connectKafkaProducer(parsed.settings));
  } else {
    const log = createEmbeddedLog();
    reader = log.createReader();
    publish = log.publish;
  }
  return await runService(parsed.settings, reader, {
    fallback: createPage(demoBackend),
    onReady: ({ address }: Service) => {
      printWelcome({ port: address.port, demoUrl, log: withKafka ? "Kafka" : "a log in memory" });
    },
  });
}

/** Connects when there is something to publish, and again where that has failed. */
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

/** Beside the service's and the admin port, so that lines to paste stay the same. */
function demoPort({ PORT }: { PORT: number }): number {
  return PORT === 0 || PORT + 2 > 65_535 ? 0 : PORT + 2;
}

function withDemoSettings(found: FoundSettings, demoUrl: string): FoundSettings {
  const own: Partial<Record<SettingName, string>> = {
    HOST: LOOPBACK,
    API_URL_USER: `${demoUrl}/users/me`,
    API_URL_NOTIFICATION: `${demoUrl}/users/me/notifications`,
    API_URL_SCHEDULE_MOBILE: `${demoUrl}/schedules`,
    API_URL_TOURNAMENT_MOBILE: `${demoUrl}/tournaments`,
    ...(found.has("KAFKA_BROKERS") ? {} : { KAFKA_BROKERS: "none:1" }),
    ...(found.has("NODE_ENV") ? {} : { NODE_ENV: "development" }),
    // Who presses Ctrl-C does not want to wait.
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
wss runs with a demo backend and ${log}, for this machine only.

  Look       http://${LOOPBACK}:${port}/ in a browser, in two windows side by side
  Connect    npx -y wscat -c ws://${LOOPBACK}:${port}/web
  Users      ${alice.name} (id ${alice.id}, token ${alice.token})
             ${bob.name} (id ${bob.id}, token ${bob.token})

Paste into the connection, to log in as ${alice.name} and get her list:

${JSON.stringify(authenticate)}
${JSON.stringify(list)}

Paste into another terminal, to make a notification arrive:

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
