/** The reader of an event stream over a TCP connection that a test controls: it may stop reading. */
import { deadline } from "../queue.ts";
import { parseEvents, type StreamEvent } from "./event_client.ts";

/** Opens an event stream, and reads it up to the end of the answer's head. */
export async function openRawStream(url: string, headers: Record<string, string> = {}) {
  const { hostname, port, pathname, search } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({ accept: "text/event-stream", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  // With HTTP/1.0, the body is not in chunks, and ends with the connection.
  const head = `GET ${pathname}${search} HTTP/1.0\r\nhost: ${hostname}:${port}\r\n`;
  await conn.write(new TextEncoder().encode(`${head}${lines.join("")}\r\n`));
  const bytes = new Uint8Array(64 * 1024);
  const decoder = new TextDecoder();
  const events: StreamEvent[] = [];
  let text = "";
  let isEnded = false;

  async function readMore(): Promise<void> {
    const count = await deadline("bytes", conn.read(bytes)).catch(() => null);
    isEnded = count === null;
    text += decoder.decode(bytes.subarray(0, count ?? 0), { stream: true });
  }

  let end = -1;
  while ((end = text.indexOf("\r\n\r\n")) < 0 && !isEnded) await readMore();
  const answer = text.slice(0, end);
  text = text.slice(end + 4);
  return {
    /** The head of the answer. */
    head: answer,
    /** Reads one event; `null` at the end. */
    async nextEvent(): Promise<StreamEvent | null> {
      for (;;) {
        const end = text.lastIndexOf("\n\n");
        if (end >= 0) events.push(...parseEvents(text.slice(0, end)));
        if (end >= 0) text = text.slice(end + 2);
        if (events.length > 0 || isEnded) break;
        await readMore();
      }
      return events.shift() ?? null;
    },
    [Symbol.dispose]: () => conn.close(),
  };
}
