/**
 * Facts of the platform that src/admin/README.md tells operators. If a test fails after an update of
 * Deno, the platform has changed: change the README as well.
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { exchange } from "../_support/network/exchange.ts";
import { deadline } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const REQUEST = { rid: 1, command: "authentication", options: {} };

/** The bytes of a frame of less than 126 bytes; if it is masked, the mask is zeros. */
function frameOf(first: number, payload: number[], { isMasked = true } = {}): Uint8Array {
  const mask = isMasked ? [0, 0, 0, 0] : [];
  return new Uint8Array([first, (isMasked ? 0x80 : 0) | payload.length, ...mask, ...payload]);
}

/** Sends 80 MiB of one message, which does not end. */
async function sendFragments(socket: Awaited<ReturnType<typeof openRawSocket>>): Promise<void> {
  const fragment = new Uint8Array(1024 * 1024).fill(65);
  for (let i = 0; i < 80; i++) {
    await socket.sendFrame(fragment, { opcode: i === 0 ? 1 : 0, fin: false });
  }
}

const VIOLATIONS: Record<string, Uint8Array> = {
  "a reserved bit": frameOf(0x80 | 0x40 | 1, [65]),
  "an unknown opcode": frameOf(0x80 | 3, [65]),
  "a text that is not UTF-8": frameOf(0x80 | 1, [0xff]),
  "a ping in fragments": frameOf(9, [65]),
  "a fragment of no message": frameOf(0x80, [65]),
  "a message within a message": new Uint8Array([...frameOf(1, [65]), ...frameOf(0x80 | 1, [65])]),
};

for (const [name, bytes] of Object.entries(VIOLATIONS)) {
  Deno.test(`the platform ends a connection after ${name} without a close frame`, async () => {
    await using wss = await startWss();
    using socket = await openRawSocket(`${wss.ws}/web`);
    await socket.sendBytes(bytes);
    assertEquals(await socket.readFrame(), null);
  });
}

Deno.test("the platform takes frames that are not masked", async () => {
  await using wss = await startWss();
  using socket = await openRawSocket(`${wss.ws}/web`);
  const payload = new TextEncoder().encode(JSON.stringify(REQUEST));
  await socket.sendBytes(frameOf(0x80 | 1, [...payload], { isMasked: false }));
  assertEquals((await socket.readJson())?.status, "ok");
});

Deno.test("the platform upgrades whatever the version of WebSocket that a client names", async () => {
  await using wss = await startWss();
  for (const version of ["8", "12", "13", ""]) {
    using socket = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-version": version });
    assert(socket.head.startsWith("HTTP/1.1 101 "), socket.head);
    await socket.request(REQUEST);
    assertEquals((await socket.readJson())?.status, "ok");
  }
});

Deno.test("an upgrade to one of several protocols is answered as a plain GET", async () => {
  await using wss = await startWss();
  const handshake = [
    "connection: upgrade",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  for (const protocols of ["websocket, h2c", "h2c, websocket"]) {
    const lines = [...handshake, `upgrade: ${protocols}`];
    const { head, body } = await exchange(`${wss.http}/web`, "GET", lines);
    assertEquals([head.split("\r\n")[0], body], ["HTTP/1.1 200 OK", "Connected"]);
  }
});

Deno.test("[FRM2] the platform takes fragments beyond any limit, from guests as well, until the message ends", async () => {
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 1000 } });
  using socket = await openRawSocket(`${wss.ws}/web`);
  await sendFragments(socket);
  // A ping may come between fragments. It is answered, so the connection is open.
  await socket.sendFrame(new Uint8Array(), { opcode: 9 });
  assertEquals((await socket.readFrame())?.opcode, 10);

  await socket.sendFrame(new Uint8Array(), { opcode: 0 });

  const close = await socket.readFrame();
  assertEquals([close?.opcode, ...close?.payload.subarray(0, 2) ?? []], [8, 1009 >> 8, 1009 & 255]);
});

Deno.test("[NET4] with AUTH_REQUIRED, a client without a token gets no WebSocket, and one whose subprotocol is refused gets one that takes fragments", async () => {
  await using wss = await startWss({ settings: { AUTH_REQUIRED: true } });
  using without = await openRawSocket(`${wss.ws}/web`);
  assert(without.head.startsWith("HTTP/1.1 401 "), without.head);

  using refused = await openRawSocket(`${wss.ws}/web`, {
    "sec-websocket-protocol": `bearer.${Buffer.from("nobody").toString("base64url")}`,
  });
  const close = await refused.readFrame();
  assertEquals([close?.opcode, ...close?.payload.subarray(0, 2) ?? []], [8, 4401 >> 8, 4401 & 255]);
  // More than the system would keep if nobody read it.
  await deadline("all fragments are taken", sendFragments(refused));
});
