/** A process of a benchmark: a server that is measured, a backend, or clients. */
import { fileURLToPath } from "node:url";
import { readLines } from "../../_support/lines.ts";
import { deadline, Queue } from "../../_support/queue.ts";

const HERE = new URL("../", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url);

/** Permissions, the same for all processes, so that no variant has an advantage. */
const PERMISSIONS = ["--allow-net", "--allow-env", "--allow-read"];

/** A process that answers lines of JSON with lines of JSON, in their order. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Gives the next line of the process. Rejects if there is none in time. */
  // deno-lint-ignore no-explicit-any
  next(timeoutMs?: number): Promise<any>;
  /** Asks a question, and gives the answer. */
  // deno-lint-ignore no-explicit-any
  ask(question: unknown, timeoutMs?: number): Promise<any>;
}

/** How V8 and the allocator of a process are set. Default: as they are by themselves. */
export interface Memory {
  /** With commas in between. */
  readonly v8Flags?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a script.
 *
 * @param script Its path below `tests/bench`, such as `servers/bare.ts`
 * @param options The process gets them by {@linkcode childOptions}
 */
export function startChild(
  script: string,
  options: unknown = {},
  { v8Flags, env = {} }: Memory = {},
): Child {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--frozen",
      `--v8-flags=${["--expose-gc", ...v8Flags ? [v8Flags] : []]}`,
      `--config=${fileURLToPath(CONFIG)}`,
      ...PERMISSIONS,
      fileURLToPath(new URL(script, HERE)),
      JSON.stringify(options),
    ],
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const answers = new Queue<unknown>();
  readLines(child.stdout, (line) => answers.push(JSON.parse(line)))
    .then(() => answers.end(new Error(`${script} has ended`)), (error) => answers.end(error));
  const writer = child.stdin.getWriter();
  const next = (timeoutMs = 60_000) => deadline(`${script} to answer`, answers.next(), timeoutMs);
  return {
    pid: child.pid,
    next,
    async ask(question, timeoutMs) {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
      return await next(timeoutMs);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await writer.abort().catch(() => {});
    },
  };
}
