/** A server in place of the service: a test decides which frames it sends. */
import { deadline, Queue } from "../queue.ts";

export function startScriptedService() {
  const sockets = new Queue<WebSocket>();
  let upgrades = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    upgrades++;
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "wss.v1" });
    socket.onopen = () => sockets.push(socket);
    return response;
  });
  return {
    ws: `ws://127.0.0.1:${server.addr.port}`,
    /** How many sockets have been asked for. */
    get upgrades() {
      return upgrades;
    },
    /** The next socket, open. */
    socket: () => deadline("a socket", sockets.next()),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}
