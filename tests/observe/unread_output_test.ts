import { assert, assertEquals } from "@std/assert";
import { LineWriter } from "../../src/observe/line_writer.ts";
import { freePort } from "../_support/network/free_port.ts";
import { deadline, until } from "../_support/queue.ts";
import { createAdminClient } from "../_support/service/admin.ts";
import { startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

/** As many lines as a pipe and the service keep, and more. */
const LINES = 4000;
const REFUSED = "GET /web HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const NOT_READY = `{"ready":false}`;
const DROPPED = { name: "wss_log_lines_dropped_total" };

/** A service that is not ready, whose output nobody reads. It logs a line for each upgrade. */
async function startUnread() {
  const [port, adminPort] = [freePort(), freePort()];
  const process = await startProcess({
    isUnread: true,
    env: {
      ...testEnvironment("http://127.0.0.1"),
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      LOG_LEVEL: "debug",
      // Makes each line long.
      INSTANCE_ID: "x".repeat(200),
      HOST_ENV: "y".repeat(500),
    },
  });
  const isAlive = () => fetch(`http://127.0.0.1:${port}/healthz`).then((r) => r.text(), () => "");
  await until("it answers", async () => await isAlive() !== "");

  return Object.assign(process, {
    admin: createAdminClient(`http://127.0.0.1:${adminPort}`),
    isAlive,
    /** Asks for upgrades that are refused, and waits for the answers. */
    async fillTheLog(count = LINES) {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const request = new TextEncoder().encode(REFUSED);
      const buffer = new Uint8Array(4096);
      for (let i = 0; i < count; i++) {
        await conn.write(request);
        let answer = "";
        while (!answer.endsWith(NOT_READY)) {
          const size = await conn.read(buffer);
          if (size === null) throw new Error(`It closed the connection after ${i} answers`);
          answer += new TextDecoder().decode(buffer.subarray(0, size));
        }
      }
    },
  });
}

Deno.test("a service whose stdout nobody reads goes on, and ends with 0 after SIGTERM", async () => {
  await using wss = await startUnread();

  await wss.fillTheLog();

  assertEquals(await wss.isAlive(), `{"alive":true}`);
  assert(await wss.admin.metric(DROPPED) > 0);
  wss.kill();
  assertEquals(await wss.exitCode(), 0);
});

Deno.test("when stdout is read again, lines go on, and one says how many were dropped", async () => {
  await using wss = await startUnread();
  await wss.fillTheLog();

  wss.read();
  const line = JSON.parse(await wss.line(/lines were dropped/));
  await wss.fillTheLog(1);
  const next = JSON.parse(await wss.line(/refused/));

  const dropped = await wss.admin.metric(DROPPED);
  assert(dropped > 0);
  assertEquals([line.level, line.count], ["warning", dropped]);
  assertEquals(next.message, "A client was refused: not_ready");
  const refused = wss.said.filter((text) => text.includes("refused"));
  assert(refused.length + dropped >= LINES + 1, `${refused.length} lines, ${dropped} dropped`);
});

Deno.test("lines to a pipe that is closed are counted, and a later one that can be written says so", async () => {
  let isBroken = true;
  const written: string[] = [];
  let dropped = 0;
  const writer = new LineWriter({
    write(bytes) {
      if (isBroken) return Promise.reject(new Deno.errors.BrokenPipe());
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
    onDropped: (count) => dropped += count,
    describeDropped: (count) => `${count} dropped`,
  });

  writer.write("one");
  writer.write("two");
  await until("both are dropped", () => dropped === 2);
  isBroken = false;
  writer.write("three");
  await until("a line says so", () => written.length === 1);
  writer.write("four");
  await deadline("the end", writer.end(60_000));

  assertEquals(written, ["3 dropped\n", "four\n"]);
  assertEquals(dropped, 3);
});

Deno.test("a pipe that takes parts of lines, and refuses in between, gets every line once", async () => {
  const random = [true, false, true, true, false];
  let calls = 0;
  let text = "";
  const writer = new LineWriter({
    write(bytes) {
      if (random[calls++ % random.length]) return Promise.reject(new Deno.errors.WouldBlock());
      const part = bytes.subarray(0, 5);
      text += new TextDecoder().decode(part);
      return Promise.resolve(part.length);
    },
    onDropped: () => {},
    describeDropped: () => "",
  });

  for (const line of ["a first line", "a second line"]) writer.write(line);
  await deadline("the end", writer.end(60_000));

  assertEquals(text, "a first line\na second line\n");
});
