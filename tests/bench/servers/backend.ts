/**
 * The APIs, in a process of their own, so that their cost does not count for wss. The token `token-7` is
 * that of user 7, and so on. Every list is empty.
 */
import { answer, say } from "../harness/parent.ts";

/** How often each API was asked since the last question. */
export interface BackendCalls {
  readonly user: number;
  readonly lists: number;
}

let user = 0;
let lists = 0;
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  if (new URL(request.url).pathname !== "/user") {
    lists++;
    return Response.json([]);
  }
  user++;
  return Response.json({ id: request.headers.get("authorization")?.slice("token-".length) });
});
say({ origin: `http://127.0.0.1:${server.addr.port}` });

await answer((): BackendCalls => {
  const calls = { user, lists };
  user = lists = 0;
  return calls;
});
