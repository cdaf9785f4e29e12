import { assertEquals } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";

/** The answer to a request, or `""` if the connection is closed without one. */
async function answerTo(base: string, head: string): Promise<string> {
  const { hostname, port } = new URL(base);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  try {
    const bytes = new TextEncoder().encode(head);
    for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
    return await new Response(conn.readable).text();
  } catch (error) {
    if (error instanceof Error && /reset|broken pipe|os error/i.test(error.message)) return "";
    throw error;
  }
}

Deno.test("the head of a request is bounded by the platform, on both ports", async () => {
  await using wss = await startWss();
  const heads = {
    small: [`a: ${"x".repeat(1000)}`],
    long: [`a: ${"x".repeat(512 * 1024)}`],
    many: Array.from({ length: 200 }, (_, i) => `a${i}: x`),
  };
  for (const base of [wss.http, wss.admin.url]) {
    for (const [name, headers] of Object.entries(heads)) {
      const lines = ["GET /healthz HTTP/1.0", "host: 127.0.0.1", ...headers, "", ""];
      const answer = await answerTo(base, lines.join("\r\n"));
      assertEquals(/^HTTP\/1\.. 200/.test(answer), name === "small", `${base} ${name}`);
    }
    const url = `/healthz?${"x".repeat(512 * 1024)}`;
    const answer = await answerTo(base, `GET ${url} HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n`);
    assertEquals(/^HTTP\/1\.. 200/.test(answer), false, `${base} URL`);
  }
});
