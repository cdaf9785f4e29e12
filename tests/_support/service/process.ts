/** A task as a process of its own, for example the service as `deno task start` starts it. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../../../deno.json" with { type: "json" };
import { readLines } from "../lines.ts";
import { deadline, Queue } from "../queue.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A task that is one `deno run`. */
type Task = "start" | "dev" | "compile" | "release";

/** How V8 is set for the service. */
export const V8_FLAGS = /--v8-flags=(\S+)/.exec(denoJson.tasks.start.command)?.[1] ?? "";
/** How glibc is set, as the image has it. */
export const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_ARENA_MAX: "2" };

/** A binary of the service to test in place of `deno task start`. */
const BINARY = Deno.env.get("WSS_BINARY");
/** Whether {@linkcode startProcess} starts a binary, which has no tasks. */
export const isBinary = BINARY !== undefined;

/** The arguments of a task's `deno run`, with the files named so that any folder may be the current. */
function taskArgs(task: Task): string[] {
  return denoJson.tasks[task].command.split(" ").slice(1)
    .map((arg) => arg.startsWith("src/") ? join(ROOT, arg) : arg)
    .toSpliced(1, 0, "--config", join(ROOT, "deno.json"));
}

export interface ProcessOptions {
  task?: Task;
  args?: string[];
  env?: Record<string, string>;
  /** The `.env` in its working directory, or a folder of that name. */
  dotEnv?: string | Uint8Array | { isFolder: true };
  /** Empty files in its working directory. */
  files?: readonly string[];
  /** Whether it has a terminal, on which stdout and stderr are one. */
  hasTerminal?: boolean;
  /** Whether it is the first process of a PID namespace, as in a container. */
  isFirst?: boolean;
  /** Whether its stdout and stderr are pipes that nobody reads, until `read` is called. */
  isUnread?: boolean;
  /** How many files it may open; by default as many as this process. */
  maxFiles?: number;
}

/** Whether processes can be the first of a PID namespace here: by `unshare` of util-linux. */
export async function canBeFirst(): Promise<boolean> {
  try {
    const [file, ...args] = asFirst(["true"]) as [string];
    return (await new Deno.Command(file, { args, stderr: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The same command in a PID namespace of its own. */
function asFirst(command: string[]): string[] {
  return ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", ...command];
}

/** Whether processes can be given a terminal here: by `script` of util-linux. */
export async function canHaveTerminal(): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("script", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).includes("util-linux");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The same command with a terminal of its own, which gets what `script` gets on its stdin. */
function onTerminal(command: string[]): string[] {
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const script = ["script", "--quiet", "--flush", "--return", "--command"];
  // In place of the shell, which would have its own answer to Ctrl-C.
  return [...script, `exec ${quoted}`, "/dev/null"];
}

/** The same command with a limit of open files. */
function withFiles(maxFiles: number): (command: string[]) => string[] {
  return (command) => ["sh", "-c", `ulimit -n ${maxFiles}; exec "$@"`, "sh", ...command];
}

export async function startProcess(
  {
    task = "start",
    args = [],
    env = {},
    dotEnv,
    hasTerminal = false,
    isFirst = false,
    isUnread = false,
    maxFiles,
    files = [],
  }: ProcessOptions = {},
) {
  const cwd = await Deno.makeTempDir({ prefix: "wss-process-" });
  if (typeof dotEnv === "string") await Deno.writeTextFile(join(cwd, ".env"), dotEnv);
  else if (dotEnv instanceof Uint8Array) await Deno.writeFile(join(cwd, ".env"), dotEnv);
  else if (dotEnv) await Deno.mkdir(join(cwd, ".env"));
  for (const file of files) {
    await Deno.mkdir(dirname(join(cwd, file)), { recursive: true });
    await Deno.writeTextFile(join(cwd, file), "");
  }
  const inherited = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "NPM_CONFIG_REGISTRY"]
    .flatMap((name) => Deno.env.get(name) === undefined ? [] : [[name, Deno.env.get(name)]]);
  const command = task === "start" && BINARY !== undefined
    ? [BINARY, ...args]
    : [Deno.execPath(), ...taskArgs(task), ...args];
  const wrap = maxFiles !== undefined
    ? withFiles(maxFiles)
    : hasTerminal
    ? onTerminal
    : isFirst
    ? asFirst
    : (same: string[]) => same;
  const [file = "", ...rest] = wrap(command);
  const child = new Deno.Command(file, {
    args: rest,
    cwd,
    clearEnv: true,
    env: { ...Object.fromEntries(inherited), ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();

  const lines = new Queue<string>();
  const said: string[] = [];
  const complaints: string[] = [];
  let reading: Promise<unknown> | undefined;
  const read = () =>
    reading ??= Promise.all([
      readLines(child.stdout, (line) => {
        said.push(line);
        lines.push(line);
      }),
      readLines(child.stderr, (line) => {
        complaints.push(line);
        lines.push(line);
      }),
    ]);
  if (!isUnread) read();
  let ended = false;
  const status = child.status.then(async ({ code }) => {
    await read();
    ended = true;
    lines.end(new Error(`The process ended with ${code}:\n${[...said, ...complaints].join("\n")}`));
    return code;
  });

  return {
    pid: child.pid,
    /** Its working directory, which is gone with it. */
    cwd,
    /** Lines on stdout and stderr so far. */
    said,
    complaints,
    /** Resolves with the exit code, however long that takes. */
    status,
    /** The exit code of a process that is about to end. */
    exitCode: () => deadline("the end of a process", status, 90_000),
    /** The next line, of either, that matches. */
    async line(pattern: RegExp): Promise<string> {
      for (;;) {
        const line = await deadline(`a line like ${pattern}`, lines.next(), 60_000);
        if (pattern.test(line)) return line;
      }
    },
    /** The port that it says it listens on. Ask for it once. */
    async port(): Promise<number> {
      return JSON.parse(await this.line(/Listening/)).port;
    },
    /** Begins to read stdout and stderr. */
    read,
    /** Writes to its stdin. */
    type: (text: string) => stdin.write(new TextEncoder().encode(text)),
    /** Ends its stdin. */
    endInput: () => stdin.close(),
    kill: (signal: Deno.Signal = "SIGTERM") => child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill("SIGKILL");
      await status;
      await stdin.abort().catch(() => {});
      await Deno.remove(cwd, { recursive: true });
    },
  };
}

/** Starts `deno task dev`, and reads what it prints as a person would. */
export async function startDev(env: Record<string, string> = {}) {
  const process = await startProcess({ task: "dev", env: { PORT: "0", ADMIN_PORT: "0", ...env } });
  const welcome: string[] = [];
  while (!welcome.at(-1)?.startsWith("curl ")) welcome.push(await process.line(/./));
  const text = welcome.join("\n");
  const [, url = ""] = /-c (ws:\S+)/.exec(text) ?? [];
  const [, demoUrl = ""] = /^curl (\S+)\/notifications/m.exec(text) ?? [];
  return Object.assign(process, { text, url, demoUrl });
}

/** The memory that a process takes, in MiB. */
export async function memoryOf(pid: number): Promise<number> {
  const ps = new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] });
  return Number(new TextDecoder().decode((await ps.output()).stdout)) / 1024;
}
