import { assert, assertEquals } from "@std/assert";
import { postByteByByte } from "../../_support/network/exchange.ts";
import { startWss } from "../../_support/service/wss.ts";

const MIB = 1024 ** 2;

Deno.test("[HTTP1][LIM8] a body in chunks of one byte costs little more memory than its text", async () => {
  await using wss = await startWss();
  const request = JSON.stringify({ rid: 7, command: "x".repeat(20_000), options: {} });
  const before = Deno.memoryUsage().external;
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, Deno.memoryUsage().external - before);
  }, 5);

  const { head, body } = await postByteByByte(`${wss.http}/web`, request);
  clearInterval(sampling);

  assert(head.startsWith("HTTP/1.1 404 "), head);
  assert(body.includes('"rid":7'), body);
  assert(most < 300 * MIB, `${Math.round(most / MIB)} MiB`);
});

Deno.test("[HTTP1] a character may come in several chunks, and must be whole at the end", async () => {
  await using wss = await startWss();
  const request = JSON.stringify({ command: "größer € 😀", options: {} });
  const whole = await postByteByByte(`${wss.http}/web`, request);
  assert(whole.body.includes("größer € 😀"), whole.body);

  const cut = new TextEncoder().encode("€").subarray(0, 2);
  const { body } = await postByteByByte(`${wss.http}/web`, cut);
  assertEquals(JSON.parse(body).payload.message, "Cannot read the body: it is not UTF-8");
});
