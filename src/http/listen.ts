/**
 * Listens on a port, the clients' or the operators'.
 */

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

/**
 * Serves HTTP. It listens when this returns.
 *
 * @param options.reusePort Whether other processes with this option may listen on the same port. It is
 *   an unstable API of the platform, which deno.json enables
 * @throws {ListenError} The port cannot be listened on
 */
export function listen(
  options: { hostname: string; port: number; reusePort?: boolean },
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ ...options, tcpBacklog: BACKLOG, onListen: () => {} }, handler);
  } catch (cause) {
    throw new ListenError({ host: options.hostname, port: options.port, cause });
  }
}
