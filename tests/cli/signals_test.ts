import { assert, assertEquals } from "@std/assert";
import { delay } from "../../src/util/delay.ts";
import { until } from "../_support/queue.ts";
import { canBeFirst, startProcess } from "../_support/service/process.ts";
import { testEnvironment } from "../_support/service/settings.ts";

const env = testEnvironment("http://127.0.0.1");
/** Milliseconds after a process was started: before, while and after it loads its modules. */
const DELAYS_MS = Array.from({ length: 21 }, (_, i) => 25 * i);
const SIGTERM = 15;
/**
 * The exit code if the signal comes when the runtime catches SIGTERM, but does not know yet who listens:
 * it raises the signal once more, which does nothing to a first process, and aborts. One start in fifty
 * met that moment on a busy machine.
 */
const ABORTED = 139;
/** Starts of the first process until one must have missed that moment. */
const MAX_TRIES = 4;

/** What `ps` says of a process, or of the only child of a process. */
async function ps(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("ps", { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

async function catchesSigterm(pid: string): Promise<boolean> {
  const mask = await ps("-o", "caught=", "-p", pid);
  return mask !== "" && (BigInt(`0x${mask}`) >> BigInt(SIGTERM - 1)) % 2n === 1n;
}

/**
 * Ends the first process of a PID namespace as soon as it listens to signals, and gives its exit code.
 */
async function endFirst(): Promise<number> {
  await using wss = await startProcess({ env, isFirst: true });
  let pid = "";
  await until(
    "it has begun",
    async () => (pid = await ps("-o", "pid=", "--ppid", `${wss.pid}`)) !== "",
  );
  await until("it listens to signals", () => catchesSigterm(pid));

  Deno.kill(Number(pid), "SIGTERM");

  const code = await wss.exitCode();
  // It began to listen to signals, but not yet to clients.
  assertEquals(wss.said.filter((line) => line.includes("Ready")), []);
  return code;
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
    const codes: number[] = [];
    do codes.push(await endFirst()); while (codes.at(-1) === ABORTED && codes.length < MAX_TRIES);
    const code = codes.at(-1);
    assert(code === 0 || code === 143, `${codes}`);
  },
});
