/** A server in a process of its own, of which the cost is measured, and its clients in another. */
import { type Child, startChild } from "./child.ts";
import type { ClientsOptions, ClientsQuestion, Received } from "../clients/clients.ts";

/** What came of one push to all clients. */
export interface Pushed {
  /** Things that have come. */
  readonly count: number;
  /** Bytes on the wire. */
  readonly bytes: number;
  /** Milliseconds from just before publishing until the first client has it, and all have. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Why a round of pushes is invalid by itself: what came was of a push before. */
export function earlyPushes(pushes: readonly Pushed[]): string[] {
  return pushes.filter(({ firstMs }) => firstMs < 0)
    .map(({ firstMs }) => `a push came ${(-firstMs).toFixed(2)} ms before it was published`);
}

/** A server and its clients. */
export interface Stage extends AsyncDisposable {
  /** Where clients connect to the server. */
  readonly port: number;
  readonly server: Child;
  readonly clients: Child;
  /** Milliseconds of CPU that the server has taken. */
  cpuMs(): Promise<number>;
  /** Has the server push, and waits until all clients have it, or 20 seconds. */
  push(question: { times: number; bytes: number }): Promise<Pushed>;
  /** At the end of a round: what has come beyond that, when nothing comes any more. */
  surplus(): Promise<number>;
}

/** Starts a server by its script, and has clients connect to it. */
export async function startStage(
  { script, options, clients: clientsOptions }: {
    script: string;
    options?: unknown;
    clients: Omit<ClientsOptions, "port">;
  },
): Promise<Stage> {
  await requireFiles(clientsOptions.clients);
  await using starting = new AsyncDisposableStack();
  const server = starting.use(startChild(script, options));
  const { port } = await server.next();
  const clients = starting.use(startChild("clients/clients.ts", { ...clientsOptions, port }));
  await clients.next();
  const children = starting.move();
  return {
    port,
    server,
    clients,
    cpuMs: async () => (await server.ask({})).cpuMs,
    async push(question) {
      const [{ at }, received]: [{ at: number }, Received] = await Promise.all([
        server.ask(question),
        clients.ask({}),
      ]);
      const { count, bytes, firstAt, lastAt } = received;
      return { count, bytes, firstMs: (firstAt ?? NaN) - at, lastMs: (lastAt ?? NaN) - at };
    },
    async surplus() {
      const question: ClientsQuestion = { untilQuiet: true };
      const { count }: Received = await clients.ask(question);
      return count;
    },
    [Symbol.asyncDispose]: () => children.disposeAsync(),
  };
}

/** Files that a process needs besides its connections. */
const OTHER_FILES = 100;

/**
 * Deno raises its limit of open files by itself, as far as it may.
 *
 * @throws {Error} It may not raise it far enough for so many connections
 */
export async function requireFiles(connections: number): Promise<void> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -Hn"] }).output();
  const limit = new TextDecoder().decode(stdout).trim();
  if (limit === "unlimited" || Number(limit) >= connections + OTHER_FILES) return;
  throw new Error(
    `Cannot open ${connections} connections: a process may open ${limit} files (ulimit -Hn), ` +
      `expected at least ${connections + OTHER_FILES}`,
  );
}
