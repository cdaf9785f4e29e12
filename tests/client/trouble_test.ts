/** Requests of the client library that meet with trouble. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, WssError } from "../../src/client/mod.ts";
import { until } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const UNSEEN = { status: "unseen" } as const;

Deno.test("an unknown command and missing options are refused, and nothing waits for them", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/mobile`, { token: () => "alice" });
  const slugs = [];
  for (const [command, options] of [['a"b', {}], ["getTournament", undefined]] as const) {
    slugs.push((await assertRejects(() => client.request(command, options), WssError)).slug);
  }
  assertEquals(slugs, ["unsupported-command", "invalid-options"]);
});

Deno.test("[FRM2] marks that are too large for a frame go in several, by the limit that the service tells", async () => {
  const settings = { MAX_MESSAGE_BYTES: 10_000, CURSOR_SECONDS: 1 };
  await using wss = await startWss({ settings });
  wss.backend.on("PUT /notification", () => new Response(null, { status: 204 }));
  const frames: number[] = [];
  let isTold = false;
  using client = connect(`${wss.ws}/web`, {
    token: () => "alice",
    onFrame(direction, text) {
      if (direction === "out") frames.push(text.length);
      else isTold ||= text.includes('"maxMessageBytes":10000');
    },
  });
  const ids = Array.from({ length: 600 }, () => crypto.randomUUID());
  for (const [limit, frameCount] of [[4096, 7], [10_000, 3]] as const) {
    frames.length = 0;
    wss.backend.forget();
    await client.markAs("read", ids);
    assertEquals(frames.length, frameCount);
    assert(Math.max(...frames) <= limit, `${frames}`);
    const marked = wss.backend.calls.filter(({ body }) => body !== "");
    assertEquals(marked.flatMap(({ body }) => JSON.parse(body).ids), ids);
    await client.notifications().next();
    await until("the limit is told", () => isTold);
  }
  for (
    const call of [
      () => client.markAs("read", ["x".repeat(10_000)]),
      () => client.request("x", ids),
    ]
  ) {
    const { slug, message } = await assertRejects(call, WssError);
    assertEquals([slug, message], ["invalid-options", "The request has more than 10000 bytes"]);
  }
  assertEquals([client.state.state, await client.count(UNSEEN)], ["open", { total: 3 }]);
});

Deno.test("a connection does not count as dead because a list takes long", async () => {
  await using wss = await startWss();
  const sent: string[] = [];
  const came: string[] = [];
  using client = connect(`${wss.ws}/web`, {
    token: () => "alice",
    onFrame: (direction, text) => (direction === "in" ? came : sent).push(text),
  });
  await client.count(UNSEEN);
  const release = wss.backend.hold("GET /notification");
  const inbox = client.notifications();
  const letGo = await release();

  globalThis.dispatchEvent(new Event("online"));

  await until("the probe is answered", () => came.some((text) => text.includes("invalid-request")));
  assertEquals(sent.at(-1), '{"rid":3}');
  letGo();
  assertEquals((await inbox.next()).value.kind, "list");
});

Deno.test("a request during the change to another connection goes over the new one", async () => {
  await using wss = await startWss({ users: { first: "42", second: "42" } });
  let isTold = false;
  using client = connect(`${wss.ws}/mobile`, {
    token: () => isTold ? "second" : "first",
    onFrame: (_direction, text) => isTold ||= text.includes('"status":"unauthorized"'),
  });
  await client.count(UNSEEN);
  const release = wss.backend.hold("PUT /notification", () => new Response(null, { status: 204 }));
  const marked = client.markAs("read", ["n1"]);
  const letGo = await release();
  wss.publish("logout", { userId: "42" });
  await until("the client is told", () => isTold);
  const fetched = client.request("getTournament", { where: { id: "2" } });
  letGo();
  await marked;

  assertEquals(await fetched, { id: "2" });
});

Deno.test("a subscription that could not be ended is ended later", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT: 2 } });
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await inbox.next();
  const [session] = wss.service.sessions.ofUser("42");
  assertEquals(session?.subscriptionCount, 1);
  await Promise.allSettled(Array.from({ length: 5 }, () => client.count(UNSEEN)));

  await inbox.return?.();

  await until("it is ended", () => session?.subscriptionCount === 0);
});

Deno.test("an aborted call does not wait for a token", async () => {
  await using wss = await startWss();
  let asked = 0;
  using client = connect(`${wss.ws}/web`, {
    token: () => ++asked === 1 ? null : new Promise<string>(() => {}),
  });
  const abort = new AbortController();
  const counted = client.count({ ...UNSEEN, signal: abort.signal });
  await until("the token is asked for again", () => asked === 2);

  abort.abort(new Error("not wanted"));

  await assertRejects(() => counted, Error, "not wanted");
});

Deno.test("changes that were read do not count for the limit of waiting changes", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications<unknown, { n: number }>();
  await inbox.next();
  wss.backend.forget();
  const text = "x".repeat(100_000);
  const publish = (n: number) =>
    wss.publish("notification", { userId: "42", type: "a", data: { n, text } });
  publish(0);
  for (let n = 1; n < 60; n++) {
    publish(n);
    const { value } = await inbox.next();
    assert(value.kind === "update" && value.data.n === n - 1, `${value.kind} before ${n}`);
  }
  assertEquals(wss.backend.calls, []);
});
