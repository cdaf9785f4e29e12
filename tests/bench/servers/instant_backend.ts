/**
 * A backend, in a process of its own, that answers every GET at once, whatever its path and token. It
 * hardly looks at a request, so it costs next to nothing beside the server that asks it.
 */
import { TextCounter } from "../clients/counters.ts";
import { answer, say } from "../harness/parent.ts";

/** One body that serves as a user, as a count and as a list. */
const BODY = '{"id":"42","total":3}';
const ANSWER = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" +
  `content-length: ${BODY.length}\r\n\r\n${BODY}`;

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
say({ origin: `http://127.0.0.1:${listener.addr.port}` });

async function serve(conn: Deno.Conn): Promise<void> {
  const counter = new TextCounter("\r\n\r\n");
  const buffer = new Uint8Array(16_384);
  const bytes = new TextEncoder().encode(ANSWER);
  for (let length; (length = await conn.read(buffer)) !== null;) {
    const requests = counter.take(buffer.subarray(0, length));
    for (let i = 0; i < requests; i++) await conn.write(bytes);
  }
}

(async () => {
  for await (const conn of listener) serve(conn).catch(() => {});
})();

await answer(() => ({}));
