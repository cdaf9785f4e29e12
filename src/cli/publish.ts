/**
 * `wss publish`: writes a notification to the topic, as a backend does, to try a deployment.
 */
import { findCaProblem, findSettings } from "../environment.ts";
import { parsePublishSettings, type PublishSettings } from "../config.ts";
import { within } from "../delay.ts";
import { parseJsonExactly } from "../json.ts";
import { connectKafkaProducer } from "../kafka/producer.ts";
import { recordId } from "../protocol.ts";
import { print, printError } from "./print.ts";
import { parseArguments, UsageError } from "./usage.ts";

const COMMAND = "wss publish";

const HELP = `Usage: wss publish --user U --type T --data JSON

Writes one notification to the topic, for every service that reads it to push to the user's clients,
and prints where its record is, as <partition>-<offset>: the admin port's
/why?partition=<partition>&offset=<offset> tells what became of it.

  --user  the user's id
  --type  the notification's type
  --data  what clients get, as JSON, such as '{"text": "Hello"}'

It needs the settings KAFKA_* only, from the environment and from .env in the working directory.
Exit codes: 0 it is written, 1 it could not be, 2 wrong settings or arguments.`;

/** Milliseconds for all of it, and how often brokers that do not answer are asked again within. */
const PUBLISH_MS = 10_000;
const RETRIES = 3;

/**
 * Runs the command and gives the exit code.
 *
 * @throws {UsageError} The arguments are wrong
 */
export async function runPublish(args: string[]): Promise<number> {
  const { values } = parseArguments(args, {
    command: COMMAND,
    options: {
      user: { type: "string" },
      type: { type: "string" },
      data: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const user = required("user", "a user's id", values.user);
  const type = required("type", "a notification's type", values.type);
  const data = parseData(required("data", "JSON", values.data));

  const settings = await settingsToPublish();
  if (!settings) return 2;
  const value = JSON.stringify({ type: "notification", document: { userId: user, type, data } });
  try {
    // Of one key, so that what one user is told stays in order.
    print(recordId(await publish(settings, { key: user, value })));
    return 0;
  } catch (error) {
    const { KAFKA_TOPIC, KAFKA_BROKERS } = settings;
    const reason = error instanceof Error ? error.message : error;
    printError(`Cannot write to topic ${KAFKA_TOPIC} at ${KAFKA_BROKERS.join(",")}: ${reason}`);
    return 1;
  }
}

function required(option: string, allowed: string, value: string | undefined): string {
  if (value) return value;
  const problem = value === undefined ? `--${option} is missing` : `--${option} is ""`;
  throw new UsageError(`${problem}: expected ${allowed}`, COMMAND);
}

function parseData(text: string): unknown {
  try {
    return parseJsonExactly(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(
      `--data is '${text}': expected JSON, such as '{"text": "Hello"}'`,
      COMMAND,
    );
  }
}

/** The settings; where they are wrong, it is said how. */
async function settingsToPublish(): Promise<PublishSettings | undefined> {
  const problems: string[] = [];
  try {
    const { found, warnings } = await findSettings();
    for (const warning of warnings) printError(warning);
    const parsed = parsePublishSettings(found, Deno.env.get("HOSTNAME"));
    if ("problems" in parsed) {
      problems.push(...parsed.problems);
    } else {
      const problem = await findCaProblem(parsed.settings);
      if (problem === undefined) return parsed.settings;
      problems.push(problem);
    }
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  for (const problem of problems) printError(problem);
}

async function publish(settings: PublishSettings, message: { key: string; value: string }) {
  const work = (async () => {
    const producer = await connectKafkaProducer(settings, { retries: RETRIES });
    try {
      return await producer.publish(message);
    } finally {
      await producer.stop();
    }
  })();
  if (await within(PUBLISH_MS, work)) return await work;
  throw new Error(`it is not known to be written after ${PUBLISH_MS / 1000} s`);
}
