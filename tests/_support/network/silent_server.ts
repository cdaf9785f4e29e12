/** A server that says nothing. */
import { until } from "../queue.ts";

/** A server that takes connections and what comes over them, and answers nothing. */
export function startSilentServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  const serving = (async () => {
    for await (const connection of listener) {
      connections.add(connection);
      connection.readable.pipeTo(new WritableStream()).catch(() => {})
        .finally(() => connections.delete(connection));
    }
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    connections,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      await until("all connections are closed", () => connections.size === 0);
    },
  };
}
