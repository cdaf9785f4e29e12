/** A TCP proxy. Its connections can be cut, or swallow everything. */
import { withoutUpgrade } from "./without_upgrade.ts";

/** One connection through the proxy. */
export interface ProxiedConnection {
  /** Ends it on both sides, without a close frame. */
  cut(): void;
  /** Passes nothing on any more, in neither direction, and stays open. */
  blackHole(): void;
}

export interface ProxyOptions {
  /** The port to connect to, asked for each connection. */
  target: () => number;
  /** Awaited before a connection is passed on. */
  hold?: () => Promise<void>;
  onConnection?: (connection: ProxiedConnection) => void;
  /** Whether it takes `Upgrade` out of requests, so that no WebSocket comes through. */
  stripsUpgrade?: boolean;
}

/** Starts a proxy on loopback. */
export function startProxy({ target, hold, onConnection, stripsUpgrade }: ProxyOptions) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<ProxiedConnection>();

  async function pass(client: Deno.Conn): Promise<void> {
    await hold?.();
    const server = await Deno.connect({ hostname: "127.0.0.1", port: target() });
    let swallows = false;
    const connection: ProxiedConnection = {
      cut() {
        open.delete(connection);
        for (const conn of [client, server]) closeQuietly(conn);
      },
      blackHole() {
        swallows = true;
      },
    };
    open.add(connection);
    onConnection?.(connection);
    const pump = async (from: Deno.Conn, to: Deno.Conn) => {
      const buffer = new Uint8Array(16_384);
      for (let count; (count = await from.read(buffer)) !== null;) {
        if (stripsUpgrade) withoutUpgrade(buffer.subarray(0, count));
        for (let sent = 0; !swallows && sent < count;) {
          sent += await to.write(buffer.subarray(sent, count));
        }
      }
    };
    await Promise.race([pump(client, server), pump(server, client)]).catch(() => {});
    if (!swallows) connection.cut();
  }

  const accepting = (async () => {
    for await (const client of listener) {
      pass(client).catch(() => closeQuietly(client));
    }
  })();

  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting.catch(() => {});
      for (const connection of [...open]) connection.cut();
    },
  };
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}
