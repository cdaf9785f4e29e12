import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, WssError } from "../../src/client/mod.ts";
import { fakeSleep, fakeTimeouts } from "../_support/clock.ts";
import { freePort } from "../_support/network/free_port.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { fakeRandom } from "../_support/random.ts";
import { startScriptedService } from "../_support/service/scripted_service.ts";
import { connectClient } from "../_support/clients/library_client.ts";
import { startTwo, startWss, type Wss } from "../_support/service/wss.ts";

async function closeSession({ admin }: Wss) {
  const [{ id }] = (await admin.get("/sessions")).sessions;
  await admin.post(`/sessions/${id}/close`);
}

Deno.test("a client without a service tries again after at most 0.5 s, then 1 s, and so on up to 20 s", async () => {
  using clock = fakeTimeouts();
  using _random = fakeRandom(1);
  const client = connectClient(`ws://127.0.0.1:${freePort()}/web`);
  const waits = [];
  for (let tries = 0; tries < 8; tries++) {
    const { retryInMs, last } = await client.until("waiting");
    assertEquals(last?.code, 1006);
    waits.push(retryInMs);
    clock.tick(retryInMs);
  }
  client.close();
  assertEquals(waits, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
});

Deno.test("a client waits for a random part of that time, so that clients do not all come at once", async () => {
  for (const part of [0, 0.25]) {
    using _random = fakeRandom(part);
    const client = connectClient(`ws://127.0.0.1:${freePort()}/web`);
    assertEquals((await client.until("waiting")).retryInMs, part * 500);
    client.close();
  }
});

Deno.test("a client waits only shortly again after a connection that lasted", async () => {
  using _random = fakeRandom(1);
  using clock = fakeTimeouts();
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  for (const wait of [500, 1000, 2000]) {
    const socket = await service.socket();
    // A frame that comes at once does not mean that the connection lasts.
    socket.send('{"rid":-1,"event":"stream","status":"live","payload":null}');
    socket.close(1011);
    assertEquals((await client.until("waiting")).retryInMs, wait);
    clock.tick(wait);
  }
  const socket = await service.socket();
  await client.until("open");
  clock.tick(5000);
  socket.close(1011);
  assertEquals((await client.until("waiting")).retryInMs, 500);
  client.close();
});

Deno.test("[NET5] a client offers wss.v1, and sends its token with the upgrade", async () => {
  await using wss = await startWss({ users: { "a tøken": "42" } });
  using client = connect(`${wss.ws}/web`, { token: () => "a tøken" });
  const inbox = client.notifications();

  assertEquals((await inbox.next()).value.kind, "list");
  const [session] = wss.service.sessions;
  assertEquals([session?.knowsVersion1, session?.user], [true, "42"]);
  assertEquals(wss.backend.calls.map(({ url }) => url.split("?")[0]), ["/user", "/notification"]);
});

Deno.test("[LIFE2] a client does not connect again after 1003 and 4029, and says why", async () => {
  await using service = startScriptedService();
  for (const code of [1003, 4029]) {
    const client = connectClient(service.ws);
    const before = client.count({ status: "unseen" }).catch((error) => error);
    const inbox = client.notifications();
    const next = inbox.next().catch((error) => error);
    (await service.socket()).close(code, "because");

    const { last } = await client.until("closed");
    assertEquals(last, { code, reason: "because" });
    for (const error of [await before, await next]) {
      assertEquals([error.slug, error.temporary], ["closed", false]);
      assertMatch(error.message, new RegExp(`${code} because`));
    }
  }
  assertEquals(service.upgrades, 2);
});

Deno.test("[FRM2][LIFE2] after 1009, the largest request is rejected, and everything else goes on", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 4096 } });
  const client = connectClient(`${wss.ws}/web`, { token: () => "alice" });
  await client.until("open");
  const small = client.count({ status: "unseen" });
  const inbox = client.notifications();
  // The last one: the service closes with what follows unread, which may be a reset.
  const large = client.request("getMyNotifications", { where: { types: ["x".repeat(5000)] } });

  const error = await assertRejects(() => large, WssError);
  assertEquals([error.slug, error.temporary], ["invalid-options", false]);
  assertMatch(error.message, /more bytes than the service takes/);
  assertEquals((await client.until("waiting")).last?.code, 1009);
  assertEquals((await inbox.next()).value.kind, "list");
  assertEquals(typeof (await small).total, "number");
  client.close();
});

Deno.test("[FRM2] a loop whose request is too large ends, and the others go on", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 4096 } });
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  // No limit is known yet.
  const error = await assertRejects(
    () => client.notifications({ types: ["x".repeat(5000)] }).next(),
    WssError,
  );
  assertEquals(error.slug, "invalid-options");
  const small = client.notifications();
  assertEquals((await small.next()).value.kind, "list");
  wss.publish("notification", { userId: "42", type: "a", data: "goes on" });
  assertEquals((await small.next()).value.data, "goes on");
});

Deno.test("[LIFE2] a client that has sent nothing does not connect again after 1009", async () => {
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  (await service.socket()).close(1009, "why");

  assertEquals((await client.until("closed")).last, { code: 1009, reason: "why" });
});

Deno.test("[LIFE2] a client that was closed with 4029 begins again if it is told to", async () => {
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  (await service.socket()).close(4029);
  await client.until("closed");

  client.connect();
  const counted = client.count({ status: "unseen" });
  (await service.socket()).send('{"rid":1,"event":"","status":"ok","payload":{"total":5}}');
  assertEquals(await counted, { total: 5 });
  client.close();
  client.connect();
  assertEquals(client.state.state, "closed");
});

Deno.test("[LIFE2] a client that the program closes after 4029 does not begin again", async () => {
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  (await service.socket()).close(4029);
  await client.until("closed");

  client.close();
  client.connect();
  assertEquals(client.state.state, "closed");
});

Deno.test("after a jump of the clock, a client notices a dead connection within 5 s", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  using clock = fakeSleep();
  const client = connectClient(`${proxy.ws}/web`);
  await client.until("open");
  proxy.swallow();
  clock.jump(60_000);
  for (let second = 0; second < 5; second++) clock.tick(1000);
  const { last } = await client.until("waiting");
  assertEquals(last?.reason, "No frame came for too long");
  client.close();
});

Deno.test("wake-ups on end do not put off the end of a dead connection", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  using clock = fakeTimeouts();
  const client = connectClient(`${proxy.ws}/web`);
  await client.until("open");
  proxy.swallow();
  clock.tick(1000);
  for (let second = 0; second < 5; second++) {
    globalThis.dispatchEvent(new Event("online"));
    clock.tick(1000);
  }
  assertEquals((await client.until("waiting")).last?.reason, "No frame came for too long");
  client.close();
});

Deno.test("a client that waits connects at once when its page is back from the cache", async () => {
  using _random = fakeRandom(1);
  using clock = fakeTimeouts();
  const client = connectClient(`ws://127.0.0.1:${freePort()}/web`);
  for (let tries = 0; tries < 8; tries++) {
    clock.tick((await client.until("waiting")).retryInMs);
  }
  await client.until("waiting");
  // A page that is only loaded is shown as well.
  globalThis.dispatchEvent(new Event("pageshow"));
  assertEquals(client.state.state, "waiting");
  globalThis.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  assertEquals(client.state.state, "connecting");
  client.close();
});

Deno.test("[LIFE2] a client connects again after any other close code, and says why it was closed", async () => {
  using _random = fakeRandom(0);
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  for (const code of [1000, 1011, 1012, 4001, 4008, 4503]) {
    (await service.socket()).close(code, "because");
    assertEquals((await client.until("waiting")).last, { code, reason: "because" });
  }
  await service.socket();
  assertEquals((await client.until("open")).last, { code: 4503, reason: "because" });
  client.close();
});

Deno.test("[LIFE4] a client that is sent away connects again as soon as its time has come", async () => {
  await using pair = await startTwo({ settings: { DRAIN_SECONDS: 1 } });
  using proxy = startProxy(pair.one.ws);
  const client = connectClient(`${proxy.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await inbox.next();
  // Any other wait would be as long as it may be: 500 ms.
  using _random = fakeRandom(1);
  const toldAt = performance.now();
  proxy.redirect(pair.two.ws);
  const stopped = pair.one.stop();

  const { retryInMs, last } = await client.until("waiting");
  assertEquals(last?.code, 1012);
  // The slot of the only client is in the middle.
  assert(performance.now() - toldAt > 400);
  assert(retryInMs < 450, `${retryInMs} ms`);
  await client.until("open");
  pair.two.publish("notification", { userId: "42", type: "a", data: 1 });
  assertEquals((await inbox.next()).value, { kind: "update", data: 1 });
  client.close();
  await stopped;
});

Deno.test("[LIFE4] a client whose connection breaks before its time waits for it, but not for long", async () => {
  using clock = fakeTimeouts();
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  for (const [afterMs, waitMs] of [[9000, 8000], [3_600_000, 20_000]] as const) {
    const socket = await service.socket();
    socket.send(
      JSON.stringify({ rid: -1, event: "server", status: "reconnect", payload: { afterMs } }),
    );
    socket.send('{"rid":-1,"event":"stream","status":"degraded","payload":null}');
    while (!(await client.until("open")).degraded);
    clock.tick(1000);
    socket.close(1011);
    assertEquals((await client.until("waiting")).retryInMs, waitMs);
    clock.tick(waitMs);
  }
  client.close();
});

Deno.test("[DEL8] a client notices a dead connection within 40 s, and resumes", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  using clock = fakeTimeouts();
  const client = connectClient(`${proxy.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await inbox.next();
  await client.until("open");

  proxy.swallow();
  wss.publish("notification", { userId: "42", type: "a", data: "missed" });
  clock.tick(37_000);
  assertEquals(client.state.state, "open");
  clock.tick(2000);
  const { retryInMs, last } = await client.until("waiting");
  assertEquals(last, { code: 1006, reason: "No frame came for too long" });
  proxy.heal();
  clock.tick(retryInMs);
  assertEquals((await inbox.next()).value, { kind: "update", data: "missed" });
  client.close();
});

Deno.test("a client probes a quiet connection, and keeps it as long as the service answers", async () => {
  await using wss = await startWss();
  using clock = fakeTimeouts();
  const out: string[] = [];
  const client = connect(`${wss.ws}/web`, {
    onFrame: (direction, text) => direction === "out" && out.push(text),
  });
  await client.count({ status: "unseen" }).catch(() => {});
  clock.tick(12_000);
  for (let round = 1; round <= 3; round++) {
    clock.tick(14_000);
    // The next request is answered after the probe.
    await client.count({ status: "unseen" }).catch(() => {});
    clock.tick(12_000);
    assertEquals(client.state.state, "open");
    assertEquals(out.filter((text) => /^\{"rid":\d+\}$/.test(text)).length, round);
  }
  client.close();
});

Deno.test("a client notices a socket that does not open, and tries another", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  proxy.swallow();
  using clock = fakeTimeouts();
  const client = connectClient(`${proxy.ws}/web`, { token: () => "alice" });
  const counted = client.count({ status: "unseen" });
  await client.until("connecting");
  await proxy.accepted();
  clock.tick(20_000);
  const { retryInMs, last } = await client.until("waiting");
  assertEquals(last, { code: 1006, reason: "The connection did not open in time" });
  proxy.heal();
  clock.tick(retryInMs);
  assertEquals(await counted, { total: 3 });
  client.close();
});

Deno.test("when the browser is online again, a client that waits or hangs connects at once", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  using _clock = fakeTimeouts();
  const client = connectClient(`${proxy.ws}/web`);
  await client.until("open");
  await proxy.accepted();
  proxy.cut();
  await client.until("waiting");
  proxy.swallow();
  globalThis.dispatchEvent(new Event("online"));
  await client.until("connecting");
  await proxy.accepted();
  proxy.heal();
  globalThis.dispatchEvent(new Event("online"));
  await client.until("open");
  client.close();
});

Deno.test("when the browser is online again, a client notices a dead connection within 4 s", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  using clock = fakeTimeouts();
  const client = connectClient(`${proxy.ws}/web`);
  await client.until("open");
  globalThis.dispatchEvent(new Event("online"));
  await client.count({ status: "unseen" }).catch(() => {});
  clock.tick(4000);
  assertEquals(client.state.state, "open");

  proxy.swallow();
  globalThis.dispatchEvent(new Event("online"));
  clock.tick(4000);
  assertEquals((await client.until("waiting")).last?.reason, "No frame came for too long");
  client.close();
});

Deno.test("[DEL10] a client reports once that its stream is degraded, and once that it is live again", async () => {
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  const socket = await service.socket();
  assertEquals(await client.until("open"), {
    state: "open",
    transport: "websocket",
    degraded: false,
    last: null,
  });
  for (const status of ["live", "degraded", "degraded", "live", "live", "degraded"]) {
    socket.send(JSON.stringify({ rid: -1, event: "stream", status, payload: null }));
  }
  for (const degraded of [true, false, true]) {
    assertEquals((await client.until("open")).degraded, degraded);
  }
  client.close();
});

Deno.test("a client skips frames that it can't read", async () => {
  await using service = startScriptedService();
  const client = connectClient(service.ws);
  const counted = client.count({ status: "unseen" });
  const socket = await service.socket();
  for (
    const text of ["", "no JSON", "null", "[]", "1", '{"rid":"x"}', '{"rid":-1}', '{"rid":77}']
  ) {
    socket.send(text);
  }
  socket.send(new Uint8Array(3));
  socket.send('{"rid":1,"event":"","status":"ok","payload":{"total":5}}');
  assertEquals(await counted, { total: 5 });
  client.close();
});

Deno.test("a callback may throw or close the client, and stops nothing", async () => {
  await using wss = await startWss();
  const errors: string[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    errors.push(event.error.message);
  };
  globalThis.addEventListener("error", onError);
  const client = connect(`${wss.ws}/web`, {
    token: () => "alice",
    onState({ state }) {
      throw new Error(state);
    },
    onFrame(direction) {
      if (direction === "in") client.close();
    },
  });
  assertEquals(await client.count({ status: "unseen" }), { total: 3 });
  assertEquals(client.state.state, "closed");
  await Promise.resolve();
  globalThis.removeEventListener("error", onError);
  assertEquals(errors, ["connecting", "open", "closed"]);
});

Deno.test("a client with an unusable URL is closed, and says why", async () => {
  const client = connectClient("ftp://127.0.0.1/web");
  const { last } = await client.until("closed");
  assertMatch(last?.reason ?? "", /^Cannot connect: /);
});

Deno.test("a client connects again after an operator has closed its connection", async () => {
  await using wss = await startWss();
  const client = connectClient(`${wss.ws}/web`);
  await client.until("open");
  await closeSession(wss);
  assertEquals((await client.until("waiting")).last?.code, 1012);
  await client.until("open");
  client.close();
});
