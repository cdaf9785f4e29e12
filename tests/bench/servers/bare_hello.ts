/** The bare baseline of a start: the smallest server. */
import { answer, say } from "../harness/parent.ts";

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  () => new Response("Connected"),
);
say({ port: server.addr.port });

await answer(() => ({}));
