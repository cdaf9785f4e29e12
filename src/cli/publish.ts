/**
 * `wss publish`: writes a notification to the topic, as a backend does. It is for trying a deployment.
 */
import { connectKafkaProducer, type KafkaProducer } from "../kafka/producer.ts";
import { recordId } from "../protocol/frames.ts";
import { parsePublishSettings } from "../settings/parse.ts";
import { isDoneWithin } from "../util/delay.ts";
import { print, printError } from "./print.ts";
import { readSettings } from "./read_settings.ts";
import { HELP_OPTION, parseArguments, UsageError } from "./usage.ts";

const COMMAND = "wss publish";

const HELP = `Usage: wss publish --user U --type T --data JSON

Writes one notification to the topic. Every service that reads the topic pushes it to the clients of
the user. Prints the id of the record, <partition>-<offset>. To find out what became of the record,
request /why?partition=<partition>&offset=<offset> from the admin port.

  --user  the id of the user
  --type  the type of the notification
  --data  the data that clients get, as JSON, such as '{"text": "Hello"}'

Only the settings KAFKA_* are needed. They come from the environment, and from .env in the working
directory.
Exit codes: 0 the notification was written, 1 it was not, 2 wrong settings or arguments.`;

/** Milliseconds to connect and write. */
const PUBLISH_MS = 10_000;
/** Retries of a request that a broker does not answer, within PUBLISH_MS. */
const RETRIES = 3;
/** Milliseconds to close the connections. */
const STOP_MS = 2000;

/**
 * Runs the command and gives the exit code.
 *
 * @throws {UsageError} The arguments are wrong
 * @throws {DotEnvError} `.env` cannot be read
 */
export async function runPublish(args: string[]): Promise<number> {
  const { values } = parseArguments(args, {
    command: COMMAND,
    options: {
      user: { type: "string" },
      type: { type: "string" },
      data: { type: "string" },
      help: HELP_OPTION,
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const user = required("user", "the id of a user", values.user);
  const type = required("type", "the type of a notification", values.type);
  const data = checkData(required("data", "JSON", values.data));

  const read = await readSettings(parsePublishSettings);
  if ("problems" in read) {
    for (const problem of read.problems) printError(problem);
    return 2;
  }
  const { settings } = read;
  const [userId, ofType] = [JSON.stringify(user), JSON.stringify(type)];
  const document = `{"userId":${userId},"type":${ofType},"data":${data}}`;
  const value = `{"type":"notification","document":${document}}`;
  try {
    await publish(() => connectKafkaProducer(settings, { retries: RETRIES }), {
      // All notifications of a user have the same key, so they stay in order.
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

/** Refuses data that is not JSON. It is written as it is given. */
function checkData(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new UsageError(
      `--data is '${text}': expected JSON, such as '{"text": "Hello"}'`,
      COMMAND,
    );
  }
}

/** How {@linkcode publish} writes. */
interface Publishing {
  readonly message: { readonly key: string; readonly value: string };
  /** Called with the id of the record. */
  readonly onWritten: (id: string) => void;
  /** Called with a problem that comes after the message was written. */
  readonly onTrouble: (problem: string) => void;
}

/**
 * Writes a message. A problem after the message was written is not a failure, because a caller that gets
 * a failure would write the message again.
 *
 * @throws {Error} The message was not written, or it is unknown whether it was
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
    throw new Error(`no confirmation within ${PUBLISH_MS / 1000} s; it may have been written`);
  }
  const { producer, record } = await work;
  const id = recordId(record);
  try {
    onWritten(id);
  } catch (error) {
    onTrouble(`Written as ${id}, but the id could not be printed: ${reasonOf(error)}`);
  }
  try {
    if (await isDoneWithin(STOP_MS, producer.stop())) return;
    onTrouble(`Written, but the connections did not close within ${STOP_MS / 1000} s`);
  } catch (error) {
    onTrouble(`Written, but the connections did not close: ${reasonOf(error)}`);
  }
}
