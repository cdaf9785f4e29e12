/** A backend, in a process of its own: every token is good, and is the id of its user. */
import { answer, say } from "../harness/parent.ts";

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const isUser = URL.parse(request.url)?.pathname === "/user";
  return Response.json(
    isUser ? { id: request.headers.get("authorization") } : [{ id: "n1" }],
  );
});
say({ origin: `http://127.0.0.1:${server.addr.port}` });

await answer(() => ({}));
