/** One request over a connection of its own, byte by byte: what really comes over the line. */
import { deadline } from "../queue.ts";

/**
 * @param lines Further header lines
 * @returns The head of the answer without its date, and all that came after it
 */
export async function exchange(url: string, method: string, lines: string[] = []) {
  const { hostname, port, host, pathname, search } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const head = [`${method} ${pathname}${search} HTTP/1.1`, `host: ${host}`, "connection: close"];
  await conn.write(new TextEncoder().encode(`${[...head, ...lines].join("\r\n")}\r\n\r\n`));
  const text = await deadline("the answer", new Response(conn.readable).text(), 10_000);
  const end = text.indexOf("\r\n\r\n");
  return { head: text.slice(0, end).replace(/\r\ndate: .*/i, ""), body: text.slice(end + 4) };
}
