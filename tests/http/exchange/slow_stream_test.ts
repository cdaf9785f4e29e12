import { assert, assertEquals } from "@std/assert";
import { streamUrl } from "../../_support/clients/event_client.ts";
import { openRawStream } from "../../_support/clients/raw_stream.ts";
import { until } from "../../_support/queue.ts";
import { startWss, type Wss } from "../../_support/service/wss.ts";

const MIB = 1024 ** 2;
const TEXT = "x".repeat(10_000);
/** How many messages of TEXT: several times as much as the system buffers for a client. */
const MESSAGES = 1500;

const urlOf = (wss: Wss) =>
  streamUrl(`${wss.http}/web`, "getMyNotifications", { where: { types: [] } });
const publish = (wss: Wss, data: unknown) =>
  wss.publish("notification", { userId: "42", type: "a", data });
const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Opens a stream, whose client reads the list and then nothing. */
async function openSlow(wss: Wss) {
  const stream = await openRawStream(urlOf(wss), { authorization: "alice" });
  await stream.nextEvent();
  const [session] = wss.service.sessions;
  if (!session) throw new Error("There is no session");
  return { stream, session };
}

Deno.test("[HTTP4][SLOW1] the slow reader of a stream gets every message, once and in order, and little is held for it", async () => {
  await using wss = await startWss();
  const { stream, session } = await openSlow(wss);
  using _ = stream;
  await using other = await wss.connect("/web", { token: "alice" });
  await other.request("getMyNotifications", { where: { types: [] } });

  let most = 0;
  for (let n = 0; n < MESSAGES; n++) {
    publish(wss, { n, text: TEXT });
    most = Math.max(most, session.outbox.unsentBytes);
    if (n % 10 === 9) await nextTurn();
  }
  assertEquals(wss.service.slowClients.size, 1);
  // It delays no other client.
  for (let n = 0; n < MESSAGES; n++) assertEquals((await other.next()).payload.n, n);
  for (let n = 0; n < MESSAGES; n++) {
    assertEquals(JSON.parse((await stream.nextEvent())?.data ?? "null")?.payload.n, n);
    most = Math.max(most, session.outbox.unsentBytes);
  }
  assert(most > MIB && most < MIB + 2 * TEXT.length, `${most} bytes were unsent`);
  publish(wss, { n: MESSAGES });
  assertEquals(JSON.parse((await stream.nextEvent())?.data ?? "null")?.payload.n, MESSAGES);
});

Deno.test("[HTTP4][SLOW1] what has left the window is told to the slow reader of a stream by a resync", async () => {
  await using wss = await startWss({ settings: { RECOVERY_MAX_BYTES: 2 * MIB } });
  const { stream } = await openSlow(wss);
  using _ = stream;
  for (let n = 0; n < MESSAGES; n++) {
    publish(wss, { n, text: TEXT });
    if (n % 10 === 9) await nextTurn();
  }
  for (let n = 0;; n++) {
    const { payload, status } = JSON.parse((await stream.nextEvent())?.data ?? "null");
    if (status === "resync") break;
    assertEquals(payload.n, n);
  }
});

Deno.test("[HTTP4][SLOW2][LIM8] who reads nothing of a stream is closed with 4008, and counts until it lets go", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 0.1 } });
  const { stream } = await openSlow(wss);
  using _ = stream;
  for (let n = 0; n < MESSAGES; n++) {
    publish(wss, { n, text: TEXT });
    if (n % 10 === 9) await nextTurn();
  }
  await until("its session is gone", () => wss.service.sessions.size === 0);
  assertEquals([wss.service.slowClients.size, wss.service.connections], [0, 1]);
  const closed = { name: "wss_disconnects_total", labels: { reason: "too_slow" } };
  assertEquals(await wss.admin.metric(closed), 1);

  let last;
  let n = 0;
  for (let event; (event = await stream.nextEvent()); n++) last = event;
  assertEquals([last?.name, last?.data], ["close", '{"code": 4008}']);
  assert(n < MESSAGES, `${n} events`);
  await until("it counts no more", () => wss.service.connections === 0);
});

Deno.test("[HTTP4][LIM8] who lets go of a stream without reading counts no more", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 0.1 } });
  wss.backend.on("GET /notification", () => new Response(`["${"x".repeat(7 * MIB)}"]`));
  const stream = await openRawStream(urlOf(wss), { authorization: "alice" });
  await until("it is closed as too slow", () => wss.service.sessions.size === 0);
  assertEquals(wss.service.connections, 1);
  stream[Symbol.dispose]();
  await until("it counts no more", () => wss.service.connections === 0);
});

Deno.test("[HTTP4][SLOW1] a list that its client takes piece by piece counts as unsent until all of it is taken", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 60 } });
  const list = ["x".repeat(7 * MIB)];
  wss.backend.on("GET /notification", () => Response.json(list));
  using stream = await openRawStream(urlOf(wss), { authorization: "alice" });
  const [session] = wss.service.sessions;
  assert((session?.outbox.unsentBytes ?? 0) > MIB);
  publish(wss, "held back");
  assertEquals(JSON.parse((await stream.nextEvent())?.data ?? "null")?.payload, list);
  assertEquals(JSON.parse((await stream.nextEvent())?.data ?? "null")?.payload, "held back");
  await until("nothing is unsent", () => session?.outbox.unsentBytes === 0);
});
