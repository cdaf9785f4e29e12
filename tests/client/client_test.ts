import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Wss, WssError } from "../../src/client/mod.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { Queue } from "../_support/queue.ts";
import { startScriptedService } from "../_support/service/scripted_service.ts";
import { startWss } from "../_support/service/wss.ts";

const UNSEEN = { status: "unseen" } as const;

/** The error of a call: its slug, whether it is temporary, and when to try again. */
async function refusalOf(promise: Promise<unknown>) {
  const { slug, temporary, retryAfterMs } = await assertRejects(() => promise, WssError);
  return [slug, temporary, retryAfterMs];
}

Deno.test("a client gets its list and new notifications, counts them and marks them", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications({ types: ["message"], limit: 5, sort: "new" });

  assertEquals((await inbox.next()).value, { kind: "list", items: [{ id: "n1" }] });
  assertEquals(wss.backend.calls.at(-1)?.url, "/notification?limit=5&sort=new&type=message");
  wss.publish("notification", { userId: "42", type: "message", data: 1 });
  assertEquals((await inbox.next()).value, { kind: "update", data: 1 });
  assertEquals(await client.count({ status: "unseen", types: ["a"] }), { total: 3 });
  assertEquals(wss.backend.calls.at(-1)?.url, "/notification?type=a&status=unseen");
  await client.markAs("read", ["n1"]);
  assertEquals(wss.backend.calls.at(-1)?.body, '{"ids":["n1"],"status":"read"}');
});

Deno.test("markAs with an empty array marks nothing, and without ids all", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  await client.markAs("read", []);
  await client.markAs("unread");
  const marks = wss.backend.calls.filter(({ method }) => method === "PUT");
  assertEquals(marks.map(({ body }) => body), ['{"status":"unread"}']);
});

Deno.test("a client of /mobile gets schedules and tournaments", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/mobile`);
  const inbox = client.schedules({ from: 1, to: 2, timezone: "UTC" });

  assertEquals((await inbox.next()).value, { kind: "list", items: [{ id: "s1" }] });
  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  assertEquals((await inbox.next()).value, { kind: "reload", items: [{ id: "s1" }] });
  assertEquals(await client.tournament("a b"), { id: "a%20b" });
  assertEquals(await client.tournament(7), { id: "7" });
});

Deno.test("[ERR1] a call that fails rejects with the service's slug, and says whether to try again", async () => {
  await using wss = await startWss({ settings: { BACKEND_TIMEOUT_MS: 200 } });
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const answers: [() => Response | Promise<Response>, string, boolean][] = [
    [() => new Response(null, { status: 500 }), "backend-unavailable", true],
    [() => Response.json({ message: "No" }, { status: 403 }), "forbidden", false],
    [() => Response.json({ error: { no: "list" } }, { status: 400 }), "backend-error", false],
    [() => Response.json({ error: 7 }, { status: 404 }), "backend-error", false],
  ];
  for (const [respond, slug, temporary] of answers) {
    wss.backend.on("GET /notification", respond);
    assertEquals(await refusalOf(client.count(UNSEEN)), [slug, temporary, undefined]);
  }
});

Deno.test("[LIM2] a client that sends too many requests learns when to try again", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT: 1 } });
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const refusals = (await Promise.allSettled([1, 2, 3, 4].map(() => client.count(UNSEEN))))
    .filter(({ status }) => status === "rejected");
  assert(refusals.length > 0);
  const { reason } = refusals[0] as PromiseRejectedResult;
  assertEquals([reason.slug, reason.temporary], ["rate-limited", true]);
  assert(reason.retryAfterMs > 0);
});

Deno.test("calls before the first connection are sent on it, in their order", async () => {
  await using wss = await startWss();
  const out: string[] = [];
  using client = connect(`${wss.ws}/web`, {
    token: () => "alice",
    onFrame: (direction, text) => direction === "out" && out.push(JSON.parse(text).command),
  });
  const all = [client.markAs("unread"), client.markAs("read")];
  await Promise.all([...all, client.count(UNSEEN)]);
  assertEquals(out, ["updateNotifications", "updateNotifications", "getMyNotificationsCount"]);
});

Deno.test("no more than 100 calls wait for a connection, and 256 for a reply", async () => {
  await using service = startScriptedService();
  using client = connect(service.ws);
  const count = () => client.count(UNSEEN).catch((error) => error.slug);
  const queued = Array.from({ length: 100 }, count);
  assertEquals(await count(), "overloaded");
  const socket = await service.socket();
  const frames = new Queue<string>();
  socket.onmessage = ({ data }) => frames.push(data);
  for (let i = 0; i < 100; i++) await frames.next();
  const more = Array.from({ length: 156 }, count);
  assertEquals(await count(), "overloaded");
  client.close();
  assertEquals(new Set(await Promise.all([...queued, ...more])), new Set(["closed"]));
});

Deno.test("if the connection breaks, a count is sent again; a mark is not, because it may be done", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  const client = connect(`${proxy.ws}/web`, { token: () => "alice" });
  const held = wss.backend.hold("GET /notification", () => Response.json({ total: 1 }));
  const counted = client.count(UNSEEN);
  await held();
  const marked = client.markAs("read", ["n1"]);
  proxy.cut();

  assertEquals(await refusalOf(marked), ["disconnected", true, undefined]);
  (await held())();
  assertEquals(await counted, { total: 1 });
  client.close();
});

Deno.test("close() settles all waiting calls and all later calls", async () => {
  await using wss = await startWss();
  const held = wss.backend.hold("GET /notification");
  const client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  const nexts = [inbox.next(), inbox.next()];
  const counted = client.count(UNSEEN).catch((error) => error.slug);
  await held();
  client.close();
  client.close();

  assertEquals((await Promise.all(nexts)).map(({ done }) => done), [true, true]);
  assertEquals(await counted, "closed");
  assertEquals(await inbox.next(), { value: undefined, done: true });
  assertEquals(await refusalOf(client.markAs("read")), ["closed", false, undefined]);
  assertEquals(await refusalOf(client.notifications().next()), ["closed", false, undefined]);
});

Deno.test("with an aborted signal, a client asks for no token and makes no connection", async () => {
  let tokens = 0;
  const client = connect("ws://127.0.0.1:1/web", {
    signal: AbortSignal.abort(),
    token: () => String(++tokens),
  });
  assertEquals(client.state.state, "closed");
  assertEquals(await refusalOf(client.count(UNSEEN)), ["closed", false, undefined]);
  assertEquals(tokens, 0);
});

Deno.test("a signal closes a client in every state", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  const never = new Promise<string>(() => {});
  const clients: [() => string | Promise<string>, (client: Wss) => Promise<unknown>][] = [
    [() => never, () => Promise.resolve()],
    [() => "alice", () => Promise.resolve()],
    [() => "alice", (client) => client.count(UNSEEN)],
  ];
  for (const [token, ready] of clients) {
    const controller = new AbortController();
    const client = connect(`${proxy.ws}/web`, { token, signal: controller.signal });
    await ready(client);
    const inbox = client.notifications();
    const next = inbox.next();
    const counted = client.count(UNSEEN).catch((error) => error.slug);
    controller.abort();
    assertEquals([await next, await counted], [{ value: undefined, done: true }, "closed"]);
    assertEquals(client.state.state, "closed");
  }
});

Deno.test("a call rejects with its signal's reason: before it, while it waits, and while it is under way", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const reason = new Error("enough");
  await assertRejects(
    () => client.count({ ...UNSEEN, signal: AbortSignal.abort(reason) }),
    Error,
    "enough",
  );
  const waiting = new AbortController();
  const counted = client.count({ ...UNSEEN, signal: waiting.signal });
  waiting.abort(reason);
  await assertRejects(() => counted, Error, "enough");

  const held = wss.backend.hold("GET /notification", () => Response.json({ total: 1 }));
  const underWay = new AbortController();
  const held1 = client.count({ ...UNSEEN, signal: underWay.signal });
  const release = await held();
  underWay.abort(reason);
  await assertRejects(() => held1, Error, "enough");
  release();
  wss.backend.reset("GET /notification");
  assertEquals(await client.count(UNSEEN), { total: 3 });
});
