/** Processes of peers: what they cost, as Linux tells it, and whether they can be started. */
import { deadline } from "../../_support/queue.ts";
import { readLines } from "../../_support/lines.ts";

/** Milliseconds of a tick of `/proc/PID/stat`. */
const TICK_MS = 10;

/** Milliseconds of CPU of a process: all its threads, and the kernel's work for them; in steps of 10. */
export async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readProc(`/proc/${pid}/stat`);
  // The name, in parentheses, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Bytes of memory of a process (RSS), with garbage that is not collected yet. */
export async function residentBytesOf(pid: number): Promise<number> {
  const status = await readProc(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Deno itself reads these files only with all permissions. */
async function readProc(file: string): Promise<string> {
  const text = await outputOf("cat", [file]);
  if (text === null) throw new Error(`Cannot read ${file}: the process has ended`);
  return text;
}

/** Runs a command; gives what it writes, or `null` if it cannot be run. */
export async function outputOf(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(command, { args: [...args] }).output();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** A port that is free now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A process of a peer. */
export interface PeerProcess extends AsyncDisposable {
  readonly pid: number;
}

/**
 * Starts a process, and waits until it says that it is ready.
 *
 * @param options.isReady Whether a line of its standard output or error says so
 * @throws {Error} It does not say so within a minute
 */
export async function startPeerProcess(
  command: string,
  { args, env = {}, isReady }: {
    args: readonly string[];
    env?: Record<string, string>;
    isReady: (line: string) => boolean;
  },
): Promise<PeerProcess> {
  const child = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const process = {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
  const ready = Promise.withResolvers<void>();
  const lines: string[] = [];
  const read = (line: string) => {
    if (lines.length < 20) lines.push(line);
    if (isReady(line)) ready.resolve();
  };
  Promise.all([readLines(child.stdout, read), readLines(child.stderr, read)])
    .then(() => ready.reject(new Error(`${command} has ended: ${lines.join("; ")}`)));
  try {
    await deadline(`${command} to be ready`, ready.promise, 60_000);
    return process;
  } catch (error) {
    await process[Symbol.asyncDispose]().catch(() => {});
    throw error;
  }
}
