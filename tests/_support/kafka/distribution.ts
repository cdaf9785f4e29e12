/**
 * Apache Kafka itself, from its Maven artifacts in the user's cache folder, or as a Docker image.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const KAFKA_VERSION = "4.2.0";
export const KAFKA_IMAGE = `apache/kafka:${KAFKA_VERSION}`;

/** Where a broker comes from. */
export type Distribution = { kind: "java"; libs: string } | { kind: "docker" };

/** The text for people without a Kafka. */
export const HOW_TO_GET_KAFKA =
  "Tests with Kafka need Java 17 and Maven, or Docker, or KAFKA_BROKERS with a broker's address";

let found: Promise<Distribution | null> | undefined;

/** Finds Kafka, and fetches it the first time. Gives `null` if that is not possible. */
export function findKafka(): Promise<Distribution | null> {
  return found ??= lookForKafka();
}

async function lookForKafka(): Promise<Distribution | null> {
  if (await hasJava() && await runs("mvn", "--version")) {
    return { kind: "java", libs: await installLibs() };
  }
  return await runs("docker", "info") ? { kind: "docker" } : null;
}

async function hasJava(): Promise<boolean> {
  const version = /version "(\d+)/.exec(await outputOf("java", "-version"))?.[1];
  return Number(version) >= 17;
}

async function runs(command: string, ...args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, {
      args,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

async function outputOf(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await new Deno.Command(command, { args }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } catch {
    return "";
  }
}

async function installLibs(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") || join(Deno.env.get("HOME") ?? ".", ".cache");
  const libs = join(cache, "wss", `kafka-${KAFKA_VERSION}`);
  if (await exists(libs)) return libs;

  await Deno.mkdir(join(cache, "wss"), { recursive: true });
  // Into another folder first, so that a download that breaks off leaves no half of it behind.
  const unfinished = await Deno.makeTempDir({ dir: join(cache, "wss"), prefix: "unfinished-" });
  const { success, stdout, stderr } = await new Deno.Command("mvn", {
    args: [
      "-q",
      "-B",
      "-f",
      fileURLToPath(new URL("./pom.xml", import.meta.url)),
      "dependency:copy-dependencies",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${unfinished}`,
    ],
  }).output();
  if (!success) {
    await Deno.remove(unfinished, { recursive: true });
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    throw new Error(`Cannot fetch Kafka ${KAFKA_VERSION} with Maven:\n${output}`);
  }
  try {
    await Deno.rename(unfinished, libs);
  } catch (error) {
    // Somebody else was faster.
    await Deno.remove(unfinished, { recursive: true });
    if (!await exists(libs)) throw error;
  }
  return libs;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
