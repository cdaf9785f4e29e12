/**
 * A service of a given build, over an embedded log, that publishes when it is told to and says what
 * CPU time that took. Started with the folder of its source; told by lines on stdin.
 */
import process from "node:process";
import { startBackend } from "../backend.ts";
import { settingsOf, testEnvironment } from "../settings.ts";

const [source = ""] = Deno.args;
const { createEmbeddedLog } = await import(`${source}/dev/embedded_log.ts`);
const { startService } = await import(`${source}/service.ts`);

const log = createEmbeddedLog();
await using backend = startBackend({ users: { alice: "42" } });
// The clients answer no pings.
const settings = settingsOf({ ...testEnvironment(backend.origin), PING_SECONDS: "86400" });
const service = startService(settings, log.createReader());
await service.ready;
say({ port: service.address.port });

const document = { userId: "42", type: "message", data: { text: "x".repeat(200) } };
const value = JSON.stringify({ type: "notification", document });

function say(line: unknown): void {
  // deno-lint-ignore no-console
  console.log(JSON.stringify(line));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const messages = Number(text);
  const before = cpuMs();
  for (let i = 0; i < messages; i++) {
    log.publish(value);
    // The sockets are written to, and never so far behind that one message is held back.
    do await new Promise((resolve) => setTimeout(resolve, 0)); while (
      service.sessions[Symbol.iterator]().some(
        ({ outbox }: { outbox: { unsentBytes: number } }) => outbox.unsentBytes > 100_000,
      )
    );
  }
  say({ cpuMs: cpuMs() - before });
}
