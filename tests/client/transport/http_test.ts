/** The client library behind a proxy that lets no WebSocket through. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, type State, WssError } from "../../../src/client/mod.ts";
import { connectClient } from "../../_support/clients/library_client.ts";
import { fakeTimeouts } from "../../_support/clock.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { isInstalled, PROXIES, startStrippingProxy } from "../../_support/network/proxies.ts";
import { startProxy } from "../../_support/network/proxy.ts";
import { deadline, Queue, until } from "../../_support/queue.ts";
import { fakeRandom } from "../../_support/random.ts";
import { startTwo, startWss } from "../../_support/service/wss.ts";

const note = (data: unknown) => ({ userId: "42", type: "a", data });
const TOKEN = { token: () => "alice" };

/** A client that has come to use HTTP, through a proxy that strips `Upgrade`. */
async function connectBlocked(ws: string, options: ConnectOptions = TOKEN) {
  const proxy = startProxy(ws);
  proxy.stripUpgrade(true);
  const client = connectClient(`${proxy.ws}/web`, options);
  assertEquals((await client.until("open")).transport, "http");
  return {
    proxy,
    client,
    [Symbol.dispose]() {
      client.close();
      proxy[Symbol.dispose]();
    },
  };
}

/** The next value of an inbox, or of totals. */
async function next<T>(of: AsyncIterator<T>): Promise<T> {
  return (await deadline("a change", of.next())).value;
}

Deno.test("[HTTP1][HTTP2] without WebSockets, a client gets its list, pushes, counts and marks over HTTP", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  using blocked = await connectBlocked(wss.ws);
  const { client } = blocked;
  const inbox = client.notifications({ types: ["a"] });
  const totals = client.unread({ types: ["a"] });

  assertEquals((await next(inbox)).kind, "list");
  wss.backend.on("GET /notification", () => Response.json({ total: 7 }));
  assertEquals(await client.count({ status: "read" }), { total: 7 });
  const firstTotal = await next(totals);
  wss.publish("notification", note("hello"));
  assertEquals(await next(inbox), { kind: "update", data: "hello" });
  assert(firstTotal === 7 || await next(totals) === 7);

  await client.markAs("read", ["1"]);
  const put = wss.backend.calls.find(({ method }) => method === "PUT");
  assertEquals([put?.authorization, put?.body], ["alice", '{"ids":["1"],"status":"read"}']);
  wss.backend.on("GET /notification", () => Response.json(["fresh"]));
  wss.publish("update_subscription", { subscriptions: [inbox.id], options: { reload: true } });
  assertEquals(await next(inbox), { kind: "reload", items: ["fresh"] });
  assertEquals([...wss.service.sessions].length, 2);

  inbox.close();
  totals.close();
  await until("the streams have ended", () => [...wss.service.sessions].length === 0);
  assertEquals(client.state.state, "open");
});

Deno.test("[HTTP3] over HTTP, cuts and moves to another instance lose nothing, and repeat nothing", async () => {
  using _random = fakeRandom(0);
  await using two = await startTwo();
  using blocked = await connectBlocked(two.one.ws);
  const { client, proxy } = blocked;
  const inboxes = [client.notifications(), client.notifications({ types: ["a"] })];
  for (const inbox of inboxes) assertEquals((await next(inbox)).kind, "list");
  const read = inboxes.map(() => [] as number[]);

  for (let cut = 0; cut < 4; cut++) {
    for (let n = 0; n < 20; n++) two.one.publish("notification", note(20 * cut + n), n % 3);
    if (cut % 2 === 1) proxy.redirect(cut === 1 ? two.two.ws : two.one.ws);
    if (cut < 3) proxy.cut();
    for (const [i, inbox] of inboxes.entries()) {
      while ((read[i]?.length ?? 0) < 20 * (cut + 1)) {
        const change = await next(inbox);
        if (change.kind !== "update") throw new Error(`a ${change.kind} came`);
        read[i]?.push(change.data as number);
      }
    }
  }

  const all = Array.from({ length: 80 }, (_, n) => n);
  for (const got of read) assertEquals(got.toSorted((a, b) => a - b), all);
  assertEquals(two.backend.calls.filter(({ url }) => url.startsWith("/notification")).length, 2);
});

Deno.test("as soon as WebSockets come through again, a client goes back to them, and misses nothing", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  using blocked = await connectBlocked(wss.ws);
  const { client, proxy } = blocked;
  const inbox = client.notifications();
  await next(inbox);

  globalThis.dispatchEvent(new Event("online"));
  await proxy.accepted();
  wss.publish("notification", note("over HTTP"));
  assertEquals(await next(inbox), { kind: "update", data: "over HTTP" });
  proxy.stripUpgrade(false);
  // One try may still be under way.
  await until("a WebSocket is open", () => {
    globalThis.dispatchEvent(new Event("online"));
    return client.state.state === "open" && client.state.transport === "websocket";
  });

  wss.publish("notification", note("over a WebSocket"));
  assertEquals(await next(inbox), { kind: "update", data: "over a WebSocket" });
});

Deno.test("after an outage, a client is back on a WebSocket, whichever way it tried first", async () => {
  await using wss = await startWss();
  for (const random of [0, 0.05, 0.1, 0.2]) {
    using _random = fakeRandom(random);
    using proxy = startProxy(`ws://127.0.0.1:${freePort()}`);
    const states: State[] = [];
    const client = connectClient(`${proxy.ws}/web`, TOKEN);
    const inbox = client.notifications();
    await client.until("waiting");
    await client.until("waiting");
    proxy.redirect(wss.ws);
    assertEquals((await next(inbox)).kind, "list");
    await until("it uses a WebSocket", () => {
      states.push(client.state);
      return client.state.state === "open" && client.state.transport === "websocket";
    });
    assert(states.every((state) => !("blocked" in state && state.blocked)));
    client.close();
  }
});

Deno.test("over HTTP, a stream that no answer comes for does not keep a client from WebSockets", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  // It keeps streams back, as a proxy that buffers does, or a platform that reads no streams.
  let isBlocked = true;
  await using stack = new AsyncDisposableStack();
  const open = stack.use(startProxy(wss.ws));
  open.stripUpgrade(true);
  const { fetch } = globalThis;
  stack.defer(() => void (globalThis.fetch = fetch));
  globalThis.fetch = (input, init) =>
    new Headers(init?.headers).get("accept") === "text/event-stream" && isBlocked
      ? new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject("aborted")))
      : fetch(input, init);
  const client = connectClient(`${open.ws}/web`, TOKEN);
  const inbox = client.notifications();
  assertEquals((await client.until("open")).transport, "http");

  open.stripUpgrade(false);
  isBlocked = false;
  await until("it uses a WebSocket", () => {
    globalThis.dispatchEvent(new Event("online"));
    return client.state.state === "open" && client.state.transport === "websocket";
  });
  assertEquals((await next(inbox)).kind, "list");
  client.close();
});

Deno.test("over HTTP, an answer whose body stops ends the line after 30 s, and calls go on over the next one", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  using blocked = await connectBlocked(wss.ws);
  const { client } = blocked;
  using stack = new DisposableStack();
  const { fetch } = globalThis;
  stack.defer(() => void (globalThis.fetch = fetch));
  const reading = Promise.withResolvers<void>();
  const stopped = new ReadableStream({
    pull() {
      reading.resolve();
      return new Promise(() => {});
    },
  }, { highWaterMark: 0 });
  globalThis.fetch = (input, init) => {
    const isCount = String(init?.body).includes("Count");
    if (isCount) globalThis.fetch = fetch;
    return isCount ? Promise.resolve(new Response(stopped)) : fetch(input, init);
  };
  const clock = stack.use(fakeTimeouts());
  const counted = client.count({ status: "unseen" });
  const marked = client.markAs("read", ["1"]).catch((error) => error);
  await reading.promise;

  clock.tick(30_000);
  const { last, retryInMs } = await client.until("waiting");
  assertEquals(last?.reason, "No answer came for too long");
  assertEquals((await marked).slug, "disconnected");
  // A timer that is set during a tick is due 1 ms later at the earliest.
  clock.tick(retryInMs + 1);
  assertEquals(await deadline("the count", counted), { total: 3 });
  await client.markAs("read", ["1"]);
});

Deno.test("WebSockets that open but carry nothing are taken for blocked as well", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  // It passes the answer to an upgrade on, but no frame.
  await using proxy = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const { method, headers, body } = request;
    return await fetch(wss.http + pathname + search, { method, headers, body });
  });
  const client = connectClient(`ws://127.0.0.1:${proxy.addr.port}/web`, TOKEN);
  const inbox = client.notifications();

  assertEquals((await next(inbox)).kind, "list");
  assertEquals(client.state.state === "open" && client.state.transport, "http");
  client.close();
});

Deno.test("[HTTP4] without WebSockets, a drained client moves on, and a token that is refused is asked for again", async () => {
  using _random = fakeRandom(0);
  await using two = await startTwo({ settings: { DRAIN_SECONDS: 1 } });
  let token = "alice";
  using blocked = await connectBlocked(two.one.ws, { token: () => token });
  const { client, proxy } = blocked;
  const inbox = client.notifications();
  await next(inbox);
  await next(client.notifications({ types: ["b"] }));

  proxy.redirect(two.two.ws);
  const stopped = two.one.stop();
  const { last, retryInMs } = await client.until("waiting");
  // The slot of the other stream does not count.
  assertEquals([last?.code, retryInMs < 400], [1012, true]);
  await stopped;
  two.two.publish("notification", note("after the drain"));
  assertEquals(await next(inbox), { kind: "update", data: "after the drain" });

  two.backend.on(
    "GET /user",
    ({ authorization }) =>
      authorization === "fresh" ? Response.json({ id: "42" }) : Response.json({}, { status: 401 }),
  );
  two.two.publish("logout", { userId: "42" });
  await client.until("unauthorized");
  token = "fresh";
  client.connect();
  await client.until("open");
  two.two.publish("notification", note("with the new token"));
  let change = await next(inbox);
  while (change.kind !== "update") change = await next(inbox);
  assertEquals(change.data, "with the new token");
});

Deno.test("over HTTP, a request that is too large for a proxy rejects, and all else goes on", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  await using proxy = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    if (request.headers.has("upgrade")) return new Response("Connected");
    if (search.length > 4000) return new Response("<h1>Bad request</h1>", { status: 400 });
    const { method, headers, body } = request;
    return await fetch(wss.http + pathname + search, { method, headers, body });
  });
  const client = connectClient(`ws://127.0.0.1:${proxy.addr.port}/web`, TOKEN);
  await client.until("open");
  const small = client.notifications({ types: ["a"] });
  const large = client.notifications({
    types: ["x".repeat(150), ...Array(40).fill("y".repeat(150))],
  });

  assertEquals((await next(small)).kind, "list");
  const error = await assertRejects(() => next(large), WssError);
  assertEquals([error.slug, error.temporary], ["invalid-options", false]);
  wss.publish("notification", note("goes on"));
  assertEquals(await next(small), { kind: "update", data: "goes on" });
  assertEquals(client.state.state, "open");
  client.close();
});

Deno.test("[LIM1][AUTH1] an instance that is full, or a guest where a token is needed, is not taken for a blocked WebSocket", async () => {
  using _random = fakeRandom(0);
  for (const settings of [{ MAX_CONNECTIONS: 1 }, { AUTH_REQUIRED: true }]) {
    await using wss = await startWss({ settings });
    await using _other = settings.AUTH_REQUIRED ? null : await wss.connect("/web");
    const states = new Queue<State>();
    using _client = connect(`${wss.ws}/web`, { onState: (state) => states.push(state) });
    for (let seen = 0; seen < 12; seen++) {
      const state = await deadline("a state", states.next());
      assert(!("blocked" in state && state.blocked), JSON.stringify(state));
    }
  }
});

Deno.test("where nothing answers, or something else does, WebSockets are not called blocked", async () => {
  using _random = fakeRandom(0);
  await using other = Deno.serve({ port: 0, onListen() {} }, () => new Response("Log in"));
  for (const port of [freePort(), other.addr.port]) {
    const client = connectClient(`ws://127.0.0.1:${port}/web`);
    for (let tries = 0; tries < 5; tries++) {
      assertEquals((await client.until("waiting")).blocked, false);
    }
    client.close();
  }
});

for (const [kind, { program }] of Object.entries(PROXIES)) {
  const isThere = isInstalled(program, ["-v"]);
  Deno.test({
    name: `behind ${kind} that strips Upgrade, a client is served over HTTP`,
    ignore: !isThere && Deno.env.get("CI") !== "true",
    async fn() {
      using _random = fakeRandom(0);
      await using wss = await startWss();
      const port = Number(new URL(wss.http).port);
      await using proxy = await startStrippingProxy(kind as keyof typeof PROXIES, port);
      const client = connectClient(`${proxy.http.replace("http", "ws")}/web`, TOKEN);
      const inbox = client.notifications();
      assertEquals((await next(inbox)).kind, "list");
      wss.publish("notification", note("through a proxy"));
      assertEquals(await next(inbox), { kind: "update", data: "through a proxy" });
      await client.markAs("read", ["1"]);
      client.close();
    },
  });
}
