/**
 * `wss publish`: writes a notification to the topic, as a backend does, to try a deployment.
 */
import { findCaProblem, findSettings } from "../settings/environment.ts";
import { parsePublishSettings, type PublishSettings } from "../settings/parse.ts";
import { isDoneWithin } from "../util/delay.ts";
import { parseJsonExactly } from "../util/exact_json.ts";
import { connectKafkaProducer, type KafkaProducer } from "../kafka/producer.ts";
import { recordId } from "../protocol/frames.ts";
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
/** Milliseconds for the connections to end. */
const STOP_MS = 2000;

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
    await publish(() => connectKafkaProducer(settings, { retries: RETRIES }), {
      // Of one key, so that what one user is told stays in order.
      message: { key: user, value },
      onWritten: print,
      onTrouble: printError,
    });
    return 0;
  } catch (error) {
    const { KAFKA_TOPIC, KAFKA_BROKERS } = settings;
    printError(
      `Cannot write to topic ${KAFKA_TOPIC} at ${KAFKA_BROKERS.join(",")}: ${reasonOf(error)}`,
    );
    return 1;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
    problems.push(reasonOf(error));
  }
  for (const problem of problems) printError(problem);
}

/** How {@linkcode publish} writes. */
interface Publishing {
  readonly message: { readonly key: string; readonly value: string };
  /** Told of where the record is. */
  readonly onWritten: (id: string) => void;
  /** Told of what goes wrong after that. */
  readonly onTrouble: (problem: string) => void;
}

/**
 * Writes a message. Whoever is told that it failed writes it again, so nothing that goes wrong once it
 * is written is a failure.
 *
 * @throws {Error} It is not written, or not known to be
 */
export async function publish(
  connect: () => Promise<KafkaProducer>,
  { message, onWritten, onTrouble }: Publishing,
): Promise<void> {
  const work = (async () => {
    const producer = await connect();
    return { producer, record: await producer.publish(message) };
  })();
  if (!await isDoneWithin(PUBLISH_MS, work)) {
    throw new Error(`it is not known to be written after ${PUBLISH_MS / 1000} s`);
  }
  const { producer, record } = await work;
  onWritten(recordId(record));
  try {
    if (await isDoneWithin(STOP_MS, producer.stop())) return;
    onTrouble(`Written, but the connections did not end within ${STOP_MS / 1000} s`);
  } catch (error) {
    onTrouble(`Written, but the connections did not end: ${reasonOf(error)}`);
  }
}
