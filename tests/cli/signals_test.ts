import { assert, assertEquals } from "@std/assert";
import { delay } from "../../src/util/delay.ts";
import { until } from "../_support/queue.ts";
import { canBeFirst, startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const env = testEnvironment("http://127.0.0.1");
/** Milliseconds after a process was started: before, while and after it loads its modules. */
const DELAYS_MS = Array.from({ length: 21 }, (_, i) => 25 * i);
const SIGTERM = 15;

/** What `ps` says of a process, or of the only child of a process. */
async function ps(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("ps", { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

async function catchesSigterm(pid: string): Promise<boolean> {
  const mask = await ps("-o", "caught=", "-p", pid);
  return mask !== "" && (BigInt(`0x${mask}`) >> BigInt(SIGTERM - 1)) % 2n === 1n;
}

Deno.test("SIGTERM ends the process with 0 or 143, at whatever moment of the start it comes", async () => {
  const codes = new Map<number, number>();
  for (const ms of DELAYS_MS) {
    await using wss = await startProcess({ env });
    await delay(ms, new AbortController().signal);
    wss.kill();
    codes.set(ms, await wss.exitCode());
  }
  assertEquals([...codes].filter(([, code]) => code !== 0 && code !== 143), []);
});

Deno.test({
  name: "the first process of a container ends after SIGTERM as soon as it listens to signals",
  ignore: !await canBeFirst(),
  fn: async () => {
    await using wss = await startProcess({ env, isFirst: true });
    let pid = "";
    await until(
      "it has begun",
      async () => (pid = await ps("-o", "pid=", "--ppid", `${wss.pid}`)) !== "",
    );
    await until("it listens to signals", () => catchesSigterm(pid));

    Deno.kill(Number(pid), "SIGTERM");

    // The runtime catches SIGTERM before it knows who listens. If the signal comes in between, it raises
    // it once more by default, which does nothing to a first process, and then it aborts.
    const code = await wss.exitCode();
    assert([0, 143, 139].includes(code), `${code}`);
    // It began to listen to signals, but not yet to clients.
    assertEquals(wss.said.filter((line) => line.includes("Ready")), []);
  },
});
