/**
 * Real brokers. A broker does not outlive the process that started it: a shell kills the broker when its
 * standard input ends, which also happens if the process is killed.
 */
import { join } from "node:path";
import { freePort } from "../network/free_port.ts";
import { type Distribution, findKafka, KAFKA_IMAGE } from "./distribution.ts";

export interface Broker {
  /** As in KAFKA_BROKERS. */
  readonly address: string;
  /** Kills it. Removes what it has stored, unless a folder was given. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BrokerOptions {
  port?: number;
  /** Where it stores its data, for a broker that is started again. Default: a temporary folder. */
  dir?: string;
  /** Properties of its own, which come before the usual ones. */
  properties?: Record<string, string>;
  /** Whether it lives for seconds only: it starts in half the time, and is slower then. */
  livesShortly?: boolean;
}

/** The file in its folder with its process id; not with Docker. */
const PID_FILE = "pid";
/** Its log, in its folder. */
const LOG_FILE = "broker.log";
/** What it logs when it is up, and when it has ended. */
const STARTED = "Kafka Server started";
const ENDED = "App info kafka.server for";
/** Milliseconds until a broker must be up, or have ended. */
const START_TIMEOUT_MS = 90_000;
/** With these, Java spends little on compiling, and starts in half the time. */
export const QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

export async function startBroker(
  distribution: Distribution,
  { port = freePort(), dir: givenDir, properties: own = {}, livesShortly = false }: BrokerOptions =
    {},
): Promise<Broker> {
  const dir = givenDir ?? await Deno.makeTempDir({ prefix: "wss-kafka-" });
  const logFile = join(dir, LOG_FILE);
  const script = distribution.kind === "java"
    ? await javaScript({ libs: distribution.libs, dir, port, own, livesShortly })
    : dockerScript({ port, own });
  // The log of an earlier start would say that this one is up.
  await Deno.remove(logFile).catch(() => {});
  const shell = new Deno.Command("sh", {
    // Ctrl-C reaches the shell as well, which has to live on to end the broker.
    args: ["-c", `trap '' INT; { ${script}; } >"${logFile}" 2>&1`],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();

  const broker: Broker = {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await shell.stdin.close();
      await shell.status;
      if (givenDir === undefined) await Deno.remove(dir, { recursive: true });
    },
  };
  try {
    await waitForLine(logFile, STARTED, { unless: ENDED });
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
  return broker;
}

export type LastingBroker = Awaited<ReturnType<typeof startLastingBroker>>;

/** A broker that keeps its address and its data, for tests of outages; needs Java. */
export async function startLastingBroker(
  { port = freePort(), properties = {} }: Pick<BrokerOptions, "port" | "properties"> = {},
) {
  const distribution = await findKafka();
  if (distribution?.kind !== "java") throw new Error("Kafka itself is needed here, with Java");
  const dir = await Deno.makeTempDir({ prefix: "wss-kafka-" });
  const start = () => startBroker(distribution, { port, dir, livesShortly: true, properties });
  let broker: Broker | undefined = await start();

  async function signal(signal: Deno.Signal): Promise<void> {
    Deno.kill(Number(await Deno.readTextFile(join(dir, PID_FILE))), signal);
  }

  async function kill(): Promise<void> {
    await broker?.[Symbol.asyncDispose]();
    broker = undefined;
  }

  return {
    address: `127.0.0.1:${port}`,
    /** Kills it with SIGKILL. */
    kill,
    /** Ends it as operators do, with SIGTERM: it gives up what it leads. */
    async stop() {
      await signal("SIGTERM");
      await waitForLine(join(dir, LOG_FILE), ENDED);
      await kill();
    },
    /** Starts it again. */
    async start() {
      broker = await start();
    },
    /** Stops or continues its process: SIGSTOP, SIGCONT. */
    signal,
    async [Symbol.asyncDispose]() {
      await kill();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** @param options.unless What says that the line will never come */
async function waitForLine(
  logFile: string,
  text: string,
  { unless }: { unless?: string } = {},
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const log = await Deno.readTextFile(logFile).catch(() => "");
    if (log.includes(text)) return;
    if (Date.now() > deadline || (unless !== undefined && log.includes(unless))) {
      const problems = log.split("\n").filter((line) => /Exception|ERROR|in use/.test(line));
      const shown = [...problems.slice(0, 20), log.slice(-2000)].join("\n");
      throw new Error(`No "${text}" of the broker:\n${shown}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts something on free ports; on others, if another program has taken one of them meanwhile. */
export async function onFreePorts<T>(start: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await start();
    } catch (error) {
      if (tries === 3 || !String(error).includes("in use")) throw error;
    }
  }
}

function properties(
  { port, controllerPort, host }: { port: number; controllerPort: number; host: string },
): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "listeners": `PLAINTEXT://${host}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
  };
}

/** Formats its folder once, runs the broker in the background, waits for the end of standard input, kills it. */
async function javaScript(
  { libs, dir, port, own, livesShortly }: {
    libs: string;
    dir: string;
    port: number;
    own: Record<string, string>;
    livesShortly: boolean;
  },
): Promise<string> {
  const file = join(dir, "server.properties");
  const settings = {
    ...properties({ port, controllerPort: freePort(), host: "127.0.0.1" }),
    "log.dirs": join(dir, "data"),
    ...own,
  };
  const lines = Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`);
  await Deno.writeTextFile(file, lines.join(""));
  const java = `java ${livesShortly ? QUICK_START.join(" ") : ""} -Xmx512m -cp "${libs}/*"`;
  const format = `${java} kafka.tools.StorageTool format --cluster-id=d3NzLXRlc3QtYnJva2VyLg`;
  return `{ test -e "${join(dir, "data", "meta.properties")}" || ${format} -c "${file}"; } &&
    { ${java} kafka.Kafka "${file}" & } && pid=$! && echo $pid >"${
    join(dir, PID_FILE)
  }" && cat >/dev/null && kill -9 $pid`;
}

function dockerScript(
  { port, own }: { port: number; own: Record<string, string> },
): string {
  const name = `wss-kafka-${port}`;
  const settings = { ...properties({ port, controllerPort: 9093, host: "0.0.0.0" }), ...own };
  const env = Object.entries(settings)
    .map(([key, value]) => `-e "KAFKA_${key.replaceAll(".", "_").toUpperCase()}=${value}"`);
  return `{ docker run --rm --name ${name} -p 127.0.0.1:${port}:${port} ${
    env.join(" ")
  } ${KAFKA_IMAGE} </dev/null & } &&
    cat >/dev/null && docker kill ${name}`;
}
