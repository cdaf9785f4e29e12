/** The producers of the protocol reference, as a backend's developer would run them. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { read } from "../house/files.ts";
import { findKafka } from "../_support/kafka/distribution.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { until } from "../_support/queue.ts";

const GO_MOD = `module publish

go 1.24

require github.com/twmb/franz-go v1.20.0
`;

/** Runs a command, and says what went wrong if it did. */
async function run(folder: string, command: string, ...args: string[]): Promise<void> {
  const child = new Deno.Command(command, { args, cwd: folder, stdin: "null" });
  const { success, stdout, stderr } = await child.output();
  if (success) return;
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  throw new Error(`${command} ${args.join(" ")} failed: ${out}${err}`);
}

/** How the program of each language is made ready and run, in a folder of its own. */
const LANGUAGES = {
  python: {
    file: "publish.py",
    probe: ["python3", "-m", "venv", "--help"],
    async run(folder: string) {
      await run(folder, "python3", "-m", "venv", "venv");
      await run(folder, "venv/bin/pip", "install", "--quiet", "kafka-python==3.0.12");
      await run(folder, "venv/bin/python", "publish.py");
    },
  },
  go: {
    file: "publish.go",
    probe: ["go", "version"],
    async run(folder: string) {
      await Deno.writeTextFile(join(folder, "go.mod"), GO_MOD);
      await run(folder, "go", "run", "-mod=mod", "publish.go");
    },
  },
  java: {
    file: "Publish.java",
    probe: ["java", "--version"],
    async run(folder: string) {
      const kafka = await findKafka();
      if (kafka?.kind !== "java") throw new Error("Kafka's own libraries are not here");
      await run(folder, "java", "-cp", join(kafka.libs, "*"), "Publish.java");
    },
  },
};

function isThere([command = "", ...args]: readonly string[]): boolean {
  try {
    const options = { args, stdout: "null", stderr: "null" } as const;
    return new Deno.Command(command, options).outputSync().success;
  } catch {
    return false;
  }
}

for (const [language, { file, probe, run }] of Object.entries(LANGUAGES)) {
  const test = isThere(probe) ? kafkaTest : Deno.test.ignore;
  test(`the producer in ${language} of the protocol reference reaches a client`, async () => {
    const reference = await read("src/protocol/README.md");
    const program = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(reference)?.[1] ?? "";
    await using topic = await createTopic();
    await using wss = await topic.startWss();
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", { where: { types: ["message"] } });
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(
        join(folder, file),
        program.replace("localhost:9092", topic.env.KAFKA_BROKERS).replace(
          '"wss"',
          `"${topic.name}"`,
        ),
      );
      await run(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    const pushes: unknown[] = [];
    await until("the push", async () => {
      pushes.push(...await client.pushesUntilIdle());
      return pushes.length > 0;
    });
    const [push] = pushes as { status: string; payload: unknown }[];
    assertEquals([push?.status, push?.payload], ["update", { text: "Hello" }]);
  });
}
