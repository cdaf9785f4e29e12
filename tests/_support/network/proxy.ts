/** A proxy in front of a service. Its lines can be cut, or stop carrying anything. */
import { deadline, Queue } from "../queue.ts";
import { withoutUpgrade } from "./without_upgrade.ts";

export type Proxy = ReturnType<typeof startProxy>;

/** @param target Such as `ws://127.0.0.1:1234` */
export function startProxy(target: string) {
  let { hostname, port } = new URL(target);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns = new Set<Deno.Conn>();
  /** Lines that carry nothing: what comes on them is read and forgotten. */
  const dead = new WeakSet<Deno.Conn>();
  const accepted = new Queue<void>();
  let isHole = false;
  let isStripping = false;

  async function pipe(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let size; (size = await from.read(buffer)) !== null;) {
        if (dead.has(from)) continue;
        const bytes = buffer.subarray(0, size);
        await writeAll(to, isStripping ? withoutUpgrade(bytes) : bytes);
      }
    } catch {
      // Either side is gone.
    }
    if (!dead.has(from)) close(from, to);
  }

  async function serve(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname, port: Number(port) }).catch(() => null);
    if (!server) return close(client);
    conns.add(client).add(server);
    accepted.push();
    if (isHole) dead.add(client).add(server);
    pipe(client, server);
    pipe(server, client);
  }

  function close(...closed: Deno.Conn[]): void {
    for (const conn of closed) {
      conns.delete(conn);
      try {
        conn.close();
      } catch {
        // It was closed before.
      }
    }
  }

  (async () => {
    for await (const client of listener) serve(client);
  })();

  return {
    ws: `ws://127.0.0.1:${listener.addr.port}`,
    /** Cuts all lines. */
    cut: () => close(...conns),
    /** From now on nothing comes through, on lines that there are or on new ones, and no line ends. */
    swallow() {
      isHole = true;
      for (const conn of conns) dead.add(conn);
    },
    /** The next line that no test has waited for. */
    accepted: () => deadline("a line", accepted.next()),
    /** New lines lead to there. */
    redirect(to: string) {
      ({ hostname, port } = new URL(to));
    },
    /** From now on it takes `Upgrade` out of requests, or does not. */
    stripUpgrade(isOn: boolean) {
      isStripping = isOn;
    },
    /** New lines work again. */
    heal() {
      isHole = false;
    },
    [Symbol.dispose]() {
      listener.close();
      close(...conns);
    },
  };
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}
