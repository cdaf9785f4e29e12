/**
 * The bare baseline of requests: the smallest server that parses a request, asks a backend over HTTP
 * with the client's token, and replies, with no limits, no checks and no pools.
 */
import { answer, childOptions, cpuMs, say } from "../harness/parent.ts";

const { backend }: { backend: string } = childOptions();

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 2 * 86_400 });
  let token = "";
  socket.onmessage = async ({ data }) => {
    const { rid, command, options } = JSON.parse(data);
    if (command === "authentication") token = options.authToken;
    const query = new URLSearchParams({ status: options.status });
    const answer = await fetch(`${backend}/notification?${query}`, {
      headers: { accept: "application/json", authorization: token },
    });
    const payload = await answer.json();
    socket.send(JSON.stringify({ rid, event: command, status: "ok", payload }));
  };
  return response;
});
say({ port: server.addr.port });

await answer(() => ({ cpuMs: cpuMs() }));
