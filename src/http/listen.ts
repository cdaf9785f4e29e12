/**
 * Listens on a port, the clients' or the operators', and listens again if that ends by itself.
 */
import { delay, isDoneWithin } from "../util/delay.ts";

/** The port cannot be listened on, for example because it is in use; `cause` has the reason. */
export class ListenError extends Error {
  readonly host: string;
  readonly port: number;

  constructor({ host, port, cause }: { host: string; port: number; cause: unknown }) {
    super(`Cannot listen on ${host}:${port}`, { cause });
    this.host = host;
    this.port = port;
  }
}

/**
 * How many new connections the system queues until the service accepts them: the default maximum of
 * Linux. If the queue is full, a connection is dropped, and the client's system tries again after 1 s
 * and then after 3 s.
 */
const BACKLOG = 4096;

/** Milliseconds until the port is listened on again: at first, and after many failures. */
const [FIRST_RETRY_MS, LAST_RETRY_MS] = [10, 5000];
/** Milliseconds for which listening must last to count as such again. */
const STABLE_MS = 1000;

/** How many servers are remembered, to be shut down in the end. */
const MAX_SERVERS = 100;

/** A server of the platform, as far as a {@linkcode Listener} uses it. */
export type HttpServer = Pick<Deno.HttpServer<Deno.NetAddr>, "addr" | "finished" | "shutdown">;

/** Which port to listen on, and whom to tell. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 for any free port; the port stays the same afterwards. */
  readonly port: number;
  /**
   * Whether other processes with this option may listen on the same port. It is an unstable API of the
   * platform, which deno.json enables. Default: false.
   */
  readonly reusePort?: boolean;
  /** Called when new connections are no longer accepted, with the reason; once until `onUp`. */
  readonly onDown: (reason: string) => void;
  /** Called when new connections are accepted again. */
  readonly onUp: () => void;
  /** Starts a server; by default with `Deno.serve`. */
  readonly serve?: typeof serveHttp;
}

/** A server, and what this file has to know of it. */
interface OwnServer {
  readonly server: HttpServer;
  /** Resolves with the reason when the server no longer accepts connections. Never rejects. */
  readonly ended: Promise<string>;
  /** Whether a request has come, which may have become a socket. */
  isUsed: boolean;
}

/**
 * Serves HTTP on a port.
 *
 * One error of accept, such as too many open files, ends a server of the platform for good. Its sockets
 * live on. So another server is started on the same port, as often as it takes.
 */
export class Listener {
  /** The address, with the port that was found if any free one was asked for. */
  readonly address: Pick<Deno.NetAddr, "hostname" | "port">;
  readonly #options: ListenOptions;
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  /** The present server, and earlier ones that may have sockets. */
  readonly #servers = new Set<OwnServer>();
  readonly #stopping = new AbortController();

  /**
   * Listens when this returns.
   *
   * @throws {ListenError} The port cannot be listened on
   */
  constructor(options: ListenOptions, handler: Deno.ServeHandler<Deno.NetAddr>) {
    this.#options = options;
    this.#handler = handler;
    const { hostname, port } = options;
    let first: OwnServer;
    try {
      first = this.#start(port);
    } catch (cause) {
      throw new ListenError({ host: hostname, port, cause });
    }
    this.address = { hostname: first.server.addr.hostname, port: first.server.addr.port };
    this.#keepListening(first);
  }

  /** Stops listening, and resolves when all connections have ended. */
  async shutdown(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#servers].map(({ server }) => server.shutdown()));
  }

  async #keepListening(present: OwnServer): Promise<void> {
    const { onDown, onUp } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const reason = await present.ended;
      if (signal.aborted) return;
      onDown(reason);
      this.#retire(present);
      const next = await this.#listenAgain();
      if (!next) return;
      present = next;
      onUp();
    }
  }

  /** Tries until the port has been listened on for a while; gives nothing after a shutdown. */
  async #listenAgain(): Promise<OwnServer | undefined> {
    const { signal } = this.#stopping;
    for (let ms = FIRST_RETRY_MS;;) {
      await delay(ms, signal);
      ms = Math.min(2 * ms, LAST_RETRY_MS);
      if (signal.aborted) return;
      let next: OwnServer;
      try {
        next = this.#start(this.address.port);
      } catch {
        // No file is free yet, or another process has taken the port.
        continue;
      }
      const hasEnded = await isDoneWithin(STABLE_MS, next.ended);
      if (signal.aborted) return;
      if (!hasEnded) return next;
      // It has served, so the trouble comes and goes.
      if (next.isUsed) ms = FIRST_RETRY_MS;
      this.#retire(next);
    }
  }

  #start(port: number): OwnServer {
    const { hostname, reusePort = false, serve = serveHttp } = this.#options;
    const server = serve({ hostname, port, reusePort }, (request, info) => {
      own.isUsed = true;
      return this.#handler(request, info);
    });
    const ended = server.finished.then(() => "it ended by itself", describe);
    const own: OwnServer = { server, ended, isUsed: false };
    this.#servers.add(own);
    return own;
  }

  /** Shuts down a server that accepts nothing more, unless that would close sockets. */
  #retire(own: OwnServer): void {
    if (!own.isUsed) {
      this.#servers.delete(own);
      own.server.shutdown().catch(() => {});
    }
    // The sockets of a server that is forgotten here live on.
    const [oldest] = this.#servers;
    if (oldest && this.#servers.size > MAX_SERVERS) this.#servers.delete(oldest);
  }
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^\w+: /, "");
}

/** Starts a server of the platform. It listens when this returns. */
function serveHttp(
  options: { hostname: string; port: number; reusePort: boolean },
  handler: Deno.ServeHandler<Deno.NetAddr>,
): HttpServer {
  return Deno.serve({ ...options, tcpBacklog: BACKLOG, onListen: () => {} }, handler);
}
