import { assert, assertEquals } from "@std/assert";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss } from "../_support/service/wss.ts";

const MIB = 1024 ** 2;
const [PING, PONG] = [9, 10];
const MESSAGES = 300;
const TEXT = "x".repeat(10_000);

Deno.test("[SLOW1] a phone that reads 20 KiB a second gets the 3 MB of 10 s, and is not closed", async () => {
  // On this machine, the system buffers all of it. So a ping reaches the phone only after the phone
  // has read everything in front of the ping.
  await using wss = await startWss({ settings: { PING_SECONDS: 120 } });
  using socket = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-protocol": "wss.v1" });
  await socket.request({ rid: 1, command: "authentication", options: { authToken: "alice" } });
  await socket.request({
    rid: 2,
    command: "getMyNotifications",
    options: { where: { types: [] } },
  });
  for (const rid of [1, 2]) assertEquals((await socket.readJson())?.rid, rid);
  const [session] = wss.service.sessions.ofUser("42");
  socket.limitReading(20 * 1024);
  const publish = (n: number) =>
    wss.publish("notification", { userId: "42", type: "a", data: { n, text: TEXT } });
  let published = 0;
  let mostUnsent = 0;
  const publishing = setInterval(() => {
    publish(published++);
    mostUnsent = Math.max(mostUnsent, session?.outbox.unsentBytes ?? NaN);
    if (published === MESSAGES) clearInterval(publishing);
  }, 10_000 / MESSAGES);

  /** Reads the number of the next message, and answers pings. */
  const read = async () => {
    let frame = await socket.readFrame();
    for (; frame?.opcode === PING; frame = await socket.readFrame()) {
      await socket.sendFrame(frame.payload, { opcode: PONG });
    }
    return JSON.parse(new TextDecoder().decode(frame?.payload)).payload.n;
  };
  for (let n = 0; n < MESSAGES; n++) assertEquals(await read(), n);

  assert(mostUnsent < MIB + 2 * TEXT.length, `${mostUnsent} bytes were unsent`);
  publish(MESSAGES);
  assertEquals(await read(), MESSAGES);
});
