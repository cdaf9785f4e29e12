/**
 * The bare baseline of pushes: the smallest server that sends one text to all its sockets, with no
 * sessions, no log and no checks.
 */
import { exactNow } from "../harness/clock.ts";
import { answer, cpuMs, say } from "../harness/parent.ts";

/** The question to wss, but with the bytes of the whole text. */
interface Question {
  readonly times?: number;
  readonly bytes?: number;
}

const sockets = new Set<WebSocket>();
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 2 * 86_400 });
  socket.onopen = () => sockets.add(socket);
  socket.onclose = () => sockets.delete(socket);
  return response;
});
say({ port: server.addr.port });

await answer(({ times = 0, bytes = 0 }: Question) => {
  const message = { text: "x".repeat(Math.max(0, bytes - '{"text":""}'.length)) };
  const before = { at: exactNow(), cpuMs: cpuMs() };
  for (let i = 0; i < times; i++) {
    const text = JSON.stringify(message);
    for (const socket of sockets) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    }
  }
  return before;
});
