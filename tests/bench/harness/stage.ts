/** A server that is measured, in a process of its own, and its clients in another process. */
import { type Child, startChild } from "./child.ts";
import type { ClientsOptions, ClientsQuestion, Received } from "../clients/clients.ts";

/** The result of one push to all clients. */
export interface Pushed {
  /** Frames, or other counted things, that came. */
  readonly count: number;
  /** Bytes on the wire. */
  readonly bytes: number;
  /** Milliseconds from just before publishing until the first client has it, and until all have it. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Finds pushes that came before they were published, which make a round invalid. */
export function earlyPushes(pushes: readonly Pushed[]): string[] {
  return pushes.filter(({ firstMs }) => firstMs < 0)
    .map(({ firstMs }) => `a push came ${(-firstMs).toFixed(2)} ms before it was published`);
}

/** A server and its clients. */
export interface Stage extends AsyncDisposable {
  /** The port on which clients connect. */
  readonly port: number;
  readonly server: Child;
  readonly clients: Child;
  /** Gives the milliseconds of CPU of the server. */
  cpuMs(): Promise<number>;
  /** Lets the server push, and waits until all clients have it, 20 seconds at most. */
  push(question: { times: number; bytes: number }): Promise<Pushed>;
  /** At the end of a round: gives how many more came until nothing came any more. */
  surplus(): Promise<number>;
}

/** Starts a server by its script, and clients that connect to it. */
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

/** Files that a process opens besides its connections. */
const OTHER_FILES = 100;

/**
 * Checks the limit of open files. Deno raises its own limit as far as it may.
 *
 * @throws {Error} The limit is too low for this number of connections
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
