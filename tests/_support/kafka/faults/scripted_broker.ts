/** A broker whose answers a test sends, piece by piece. */
import { frames, writeAll } from "./line.ts";

/** The key of the API that every client asks first. */
const API_VERSIONS = 18;

/** Sends bytes of an answer. Rejects if the client has closed the connection. */
export type Send = (bytes: Uint8Array) => Promise<void>;

/**
 * Starts a broker that knows no more than how to open a connection: it says that it has no API.
 *
 * @param answer Answers any other request. The next one comes when it has resolved
 */
export function startScriptedBroker(
  answer: (request: Uint8Array, send: Send) => Promise<void> = () => Promise.resolve(),
) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = new Set<Promise<void>>();

  async function serve(conn: Deno.Conn): Promise<void> {
    const send: Send = (bytes) => writeAll(conn, bytes);
    try {
      for await (const request of frames(conn)) {
        const key = new DataView(request.buffer).getInt16(4);
        if (key === API_VERSIONS) await send(answerOf(request, 10));
        else await answer(request, send);
      }
    } catch {
      // The client has closed the connection.
    }
    conn.close();
  }

  const accepting = (async () => {
    for await (const conn of listener) serving.add(serve(conn));
  })();

  return {
    address: `127.0.0.1:${listener.addr.port}`,
    /** Its clients have to close their connections before. */
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(serving);
    },
  };
}

/** An answer to a request, with a body of so many zeros. */
export function answerOf(request: Uint8Array, bodyBytes: number): Uint8Array {
  const answer = new Uint8Array(4 + 4 + bodyBytes);
  new DataView(answer.buffer).setInt32(0, answer.length - 4);
  answer.set(request.subarray(8, 12), 4); // the correlation id
  return answer;
}
