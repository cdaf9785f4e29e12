/**
 * Ports to listen on: the clients' and the operators'.
 */

/** A port that can't be listened on; the reason is its cause. */
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
 * Connections that the system keeps until they are taken, as many as Linux lets it by default. One that
 * finds no place is dropped, and the client asks again a second later, then three.
 */
const BACKLOG = 4096;

/**
 * Serves HTTP; it listens when this returns.
 *
 * @param options.reusePort Whether other processes may listen on the port as well, if all say so.
 *   Of the platform's unstable API, which deno.json lets it use
 * @throws {ListenError} Such as where the port is taken
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
