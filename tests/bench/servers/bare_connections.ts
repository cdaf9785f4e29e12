/**
 * The bare baseline of connections: the smallest server that keeps its sockets open and answers requests
 * with replies as long as those of wss, with no sessions and no checks.
 */
import { answer, cpuMs, residentBytes, say } from "../harness/parent.ts";

const USER = { status: "ok", payload: { id: "user-12345" } };
const LIST = { status: "ok", payload: [{ id: "n1" }], cursor: "AtndBmRaeoHMAaIJFL-BAAAAAAAA____" };
const SUBSCRIPTION = "8a3c96df8d5c9fc74a3ac34b481af393";

const sockets = new Set<WebSocket>();
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 2 * 86_400 });
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  socket.onmessage = ({ data }) => {
    const { rid, command } = JSON.parse(data);
    const reply = command === "authentication"
      ? { rid, event: command, ...USER }
      : { rid, event: SUBSCRIPTION, ...LIST };
    socket.send(JSON.stringify(reply));
  };
  return response;
});
say({ port: server.addr.port });

await answer(async ({ memory }: { memory?: true }) => ({
  cpuMs: cpuMs(),
  connections: sockets.size,
  ...memory && { residentBytes: await residentBytes() },
}));
