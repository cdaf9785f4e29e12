import { assertEquals } from "@std/assert";
import { openRawSocket } from "../../_support/clients/raw_socket.ts";
import { startWss } from "../../_support/service/wss.ts";

Deno.test("[FRM1] a binary frame closes with 1003", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");

  client.socket.send(new TextEncoder().encode('{"rid":1}'));

  assertEquals((await client.ended).code, 1003);
});

Deno.test("[FRM2] a frame over MAX_MESSAGE_BYTES closes with 1009, a frame of exactly that size is accepted", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  const frame = (bytes: number) => {
    const start = '{"rid":1,"command":"nothing","options":{},"x":"';
    // Letters of two bytes each, so that the length in letters is not the length in bytes.
    return start + "é".repeat((bytes - start.length - 3) / 2) + ' "}';
  };

  client.send(frame(1024 * 1024));
  assertEquals((await client.next()).payload.error[0].Slug, "unsupported-command");
  client.send(frame(1024 * 1024 + 2));

  assertEquals((await client.ended).code, 1009);
});

Deno.test("[FRM2] all fragments of a message count for its size", async () => {
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 100 } });
  using socket = await openRawSocket(`${wss.ws}/web`);
  const half = new TextEncoder().encode("x".repeat(60));

  await socket.sendFrame(half, { opcode: 1, fin: false });
  await socket.sendFrame(half, { opcode: 0, fin: true });

  const close = await socket.readFrame();
  assertEquals(close?.opcode, 8);
  assertEquals([...close?.payload.subarray(0, 2) ?? []], [1009 >> 8, 1009 & 255]);
});

Deno.test("[FRM3] a frame that is not JSON or not an object gets an error with rid -1, and the connection stays open", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  for (
    const [text, slug] of [
      ["", "invalid-json"],
      ["{", "invalid-json"],
      ["{'rid':1}", "invalid-json"],
      ["\u0000", "invalid-json"],
      ["[".repeat(30_000), "invalid-json"],
      ["null", "invalid-request"],
      ["[]", "invalid-request"],
      ['"x"', "invalid-request"],
      ["1e999", "invalid-request"],
      ["[".repeat(30_000) + "]".repeat(30_000), "invalid-request"],
    ]
  ) {
    client.send(text);
    const reply = await client.next();
    assertEquals({ rid: reply.rid, event: reply.event, status: reply.status }, {
      rid: -1,
      event: "",
      status: "error",
    });
    assertEquals(reply.payload.error[0].Slug, slug, text?.slice(0, 20));
  }
  assertEquals((await client.request("authentication")).status, "ok");
});

Deno.test("[LIM6] a frame has at most 4,096 arrays and objects", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  const MOST = 4096;
  // The request and its options are two of them, and the array in these is the third.
  const request = (rid: number, pieces: string[]) =>
    `{"rid":${rid},"command":"authentication","options":{"authToken":"alice","x":[${pieces}]}}`;
  const arrays = (count: number) => Array(count).fill("[]");
  const brackets = '"[{\\"[{\\\\"';
  for (
    const [pieces, status, slug] of [
      [arrays(MOST - 3), "ok"],
      [[...Array(MOST - 3).fill("{}"), ...Array(MOST).fill(brackets)], "ok"],
      [arrays(MOST - 2), "error", "invalid-request"],
      [[...arrays(MOST - 3), '{"a":1}'], "error", "invalid-request"],
      [[...arrays(MOST - 2), "["], "error", "invalid-json"],
    ] as const
  ) {
    client.send(request(7, [...pieces]));

    const reply = await client.next();

    const rid = slug === "invalid-json" ? -1 : 7;
    assertEquals([reply.rid, reply.status, reply.payload.error?.[0].Slug], [rid, status, slug]);
  }
});

Deno.test("[LIM6][BAT4] the arrays and objects of all requests of an array count together", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { protocols: ["wss.v1.batch"] });
  // Each request has 1,503: these, the array that they are in, the options, and itself.
  const x = Array(1500).fill([]);
  const request = (rid: number) => ({ rid, command: "authentication", options: { x } });

  client.send([request(1), request(2)]);
  assertEquals([(await client.reply(1)).status, (await client.reply(2)).status], ["ok", "ok"]);
  client.send([request(3), request(4), request(5)]);
  const refused = await client.next();

  assertEquals([refused.rid, refused.payload.error[0].Slug], [-1, "invalid-request"]);
});
