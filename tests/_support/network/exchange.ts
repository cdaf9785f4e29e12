/** One request over a connection of its own, byte by byte: what really comes over the line. */
import { Buffer } from "node:buffer";
import { deadline } from "../queue.ts";

/**
 * @param lines Further header lines
 * @returns The head of the answer without its date, and all that came after it
 */
export async function exchange(url: string, method: string, lines: string[] = []) {
  const { host, pathname, search } = new URL(url);
  const head = [`${method} ${pathname}${search} HTTP/1.1`, `host: ${host}`, "connection: close"];
  return await send(url, Buffer.from(`${[...head, ...lines].join("\r\n")}\r\n\r\n`));
}

/** Sends a POST whose body comes in chunks of one byte. */
export async function postByteByByte(url: string, body: string | Uint8Array) {
  const { host, pathname } = new URL(url);
  const lines = [`POST ${pathname} HTTP/1.1`, `host: ${host}`, "connection: close"];
  lines.push("content-type: application/json", "transfer-encoding: chunked", "", "");
  const chunks = Array.from(Buffer.from(body), (byte) => Buffer.from([49, 13, 10, byte, 13, 10]));
  const end = Buffer.from("0\r\n\r\n");
  return await send(url, Buffer.concat([Buffer.from(lines.join("\r\n")), ...chunks, end]));
}

async function send(url: string, request: Uint8Array) {
  const { hostname, port } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  for (let sent = 0; sent < request.length;) sent += await conn.write(request.subarray(sent));
  const text = await deadline("the answer", new Response(conn.readable).text(), 10_000);
  const end = text.indexOf("\r\n\r\n");
  return { head: text.slice(0, end).replace(/\r\ndate: .*/i, ""), body: text.slice(end + 4) };
}
