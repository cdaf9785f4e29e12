import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };

async function subscribe(wss: Wss, types: string[] = [], token = "alice") {
  const client = await wss.connect("/web", { ...V1, token });
  const { event, cursor } = await client.request("getMyNotifications", { where: { types } });
  const id = [...wss.service.sessions].at(-1)?.id ?? "";
  return { client, event, cursor, id };
}

function publish(wss: Wss, data: unknown = "a secret payload"): string {
  return wss.publish("notification", { userId: "42", type: "message", data });
}

Deno.test("/why: nothing was published for a user", async () => {
  await using wss = await startWss();
  const { client, id } = await subscribe(wss);
  await using _ = client;
  wss.publish("notification", { userId: "43", type: "message" });

  const { answer, known, sessions, messages } = await wss.admin.get("/why?user=42");

  assertMatch(
    answer,
    /^Nothing for user 42 is among what was read of topic wss since 20.*published/,
  );
  assertEquals(known.partitions, [{ partition: 0, from: 0, to: 1 }]);
  assertEquals(messages, []);
  assertEquals([sessions[0].id, sessions[0].subscriptions[0].resource], [id, "notification"]);
});

Deno.test("/why: a record is in quarantine", async () => {
  await using wss = await startWss();
  wss.log.publish('{"type":"notification","document":{"userId":"42"}}');

  assertStringIncludes(
    (await wss.admin.get("/why?user=42")).answer,
    "or it is one of 1 records in /quarantine",
  );
  const { answer, message } = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(answer, /^It is in quarantine: document.type: /);
  assertEquals(message, null);
});

Deno.test("/why: sent, when, to which session, and that its connection ended after", async () => {
  await using wss = await startWss();
  const { client, event, id } = await subscribe(wss);
  const record = publish(wss);
  await client.next();

  const { answer, messages: [message] } = await wss.admin.get("/why?user=42");
  assertMatch(
    answer,
    new RegExp(`^The latest of 1: ${record}, of type message, .*: sent, to session ${id}`),
  );
  assertEquals(
    message.recipients.map(({ steps: _, ...recipient }: { steps: unknown }) => recipient),
    [
      { session: id, user: "42", subscription: event, result: "sent" },
    ],
  );
  assert(message.publishedAt <= message.readAt);
  assert(message.readAt <= message.recipients[0].steps[0].at);

  await client[Symbol.asyncDispose]();
  await until("it has ended", () => wss.service.sessions.size === 0);
  const { message: later } = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(later.recipients[0].result, /^sent; the connection ended at 20.*: client$/);
  assertEquals(later.recipients[0].user, "42");
});

Deno.test("/why: why each of the user's other sessions did not get it", async () => {
  await using wss = await startWss();
  const gone = await subscribe(wss);
  await gone.client[Symbol.asyncDispose]();
  await until("it has ended", () => wss.service.sessions.size === 0);
  const other = await subscribe(wss, ["other", "types"]);
  const unsubscribed = await subscribe(wss);
  await unsubscribed.client.request("subscription", {
    ids: [unsubscribed.event],
    action: "unsubscribe",
  });
  const loggedOut = await subscribe(wss);
  await loggedOut.client.request("authentication", {});
  const switched = await subscribe(wss);
  await switched.client.request("authentication", { authToken: "bob" });
  const idle = await wss.connect("/web", { token: "alice" });
  const idleId = [...wss.service.sessions].at(-1)?.id;

  publish(wss);
  const publishedAt = Date.now();
  await until("a later time", () => Date.now() > publishedAt);
  const late = await subscribe(wss);

  const { answer, message } = await wss.admin.get("/why?partition=0&offset=0");
  assertStringIncludes(answer, "no session was subscribed to it");
  assertEquals(message.recipients, []);
  const whys = Object.fromEntries(
    message.others.map(({ session, why }: { session: string; why: string }) => [session, why]),
  );
  const expected: [string | undefined, RegExp][] = [
    [gone.id, /^not connected: it had ended at .*: client$/],
    [other.id, /^subscribed to other types only: other, types$/],
    [unsubscribed.id, /^no subscription any more since .*: unsubscribed$/],
    [loggedOut.id, /^not the user's any more since .*: logged out$/],
    [switched.id, /^not the user's any more since .*: logged in again$/],
    [idleId, /^no subscription to it$/],
    [late.id, /^not connected: it came later, at /],
  ];
  for (const [id = "", pattern] of expected) assertMatch(whys[id] ?? "", pattern);
  assertEquals(Object.keys(whys).length, expected.length);
  for (const { client } of [other, unsubscribed, loggedOut, switched, late]) {
    await client[Symbol.asyncDispose]();
  }
  await idle[Symbol.asyncDispose]();
});

Deno.test("/why: held back for a list, and caught up; then for another who resumed", async () => {
  await using wss = await startWss();
  const { client, event, cursor: since } = await subscribe(wss);
  await using _ = client;
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  publish(wss);
  const { messages: [held] } = await wss.admin.get(`/why?subscription=${event}`);
  assertEquals(held.recipients[0].result, "not sent yet: held back: catching up");

  letGo();
  await client.reply(rid);
  await client.next();
  await using again = await wss.connect("/web", { token: "alice" });
  await again.request("getMyNotifications", { ...LIST, since });
  await again.next();

  const { target, sessions, sessionCount, messages: [message] } = await wss.admin.get(
    `/why?subscription=${event}`,
  );
  assertEquals([target, sessions.length, sessionCount], [
    { id: event, resource: "notification", types: [] },
    2,
    2,
  ]);
  type Step = { what: string };
  assertEquals(
    message.recipients.map(({ steps }: { steps: Step[] }) => steps.map(({ what }) => what)),
    [["held back: catching up", "caught up"], ["caught up"]],
  );
});

Deno.test("/why: held back while behind, and begun anew", async () => {
  await using wss = await startWss({ settings: { RECOVERY_MAX_BYTES: "3000000" } });
  using slow = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-protocol": "wss.v1" });
  await slow.request({ rid: 1, command: "authentication", options: { authToken: "alice" } });
  await slow.request({ rid: 2, command: "getMyNotifications", options: LIST });
  await slow.readJson();
  await slow.readJson();
  const large = "x".repeat(900_000);
  for (let i = 0; i < 14; i++) {
    publish(wss, large);
    // In turns, so that the system takes what it can.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const place = { partition: 0, offset: 13 };
  const url = `/why?partition=${place.partition}&offset=${place.offset}`;
  const { message: held } = await wss.admin.get(url);
  assertEquals(held.recipients[0].result, "not sent yet: held back: the client is behind");
  assertMatch((await wss.admin.get("/why?partition=0&offset=0")).answer, /^It has left the window/);

  while ((await slow.readJson())?.status !== "resync");

  const { message } = await wss.admin.get(url);
  assertMatch(message.recipients[0].result, /^began anew at 20.*: left the window$/);
});

Deno.test("/why: a subscription that ended before it was sent what was held back for it", async () => {
  await using wss = await startWss();
  const { client, event } = await subscribe(wss);
  const release = wss.backend.hold("GET /notification");
  client.ask("getMyNotifications", LIST);
  await release();
  publish(wss);
  await client[Symbol.asyncDispose]();
  await until("it has ended", () => wss.service.sessions.size === 0);

  const { messages: [message] } = await wss.admin.get(`/why?subscription=${event}`);
  assertMatch(
    message.recipients[0].result,
    /^not sent: the subscription ended at 20.*: the connection ended$/,
  );
});

Deno.test("/why: a reload, and that another list has what it would have had", async () => {
  await using wss = await startWss();
  const { client, event } = await subscribe(wss);
  await using _ = client;
  const reload = { subscriptions: [event], options: { reload: true } };
  const release = wss.backend.hold("GET /notification");
  wss.publish("update_subscription", reload);
  const letGo = await release();
  wss.publish("update_subscription", reload);
  wss.publish("update_subscription", reload);
  letGo();
  await client.next();
  (await release())();
  await client.next();

  const { messages } = await wss.admin.get("/why?user=42");

  type Message = { does: string; recipients: { result: string }[] };
  assertEquals(
    messages.map(({ does, recipients }: Message) => [does, ...recipients.map((r) => r.result)]),
    [["reload", "reloaded"], ["reload", "in a later list"], ["reload", "reloaded"]],
  );
  wss.backend.on("GET /notification", () => new Response("no", { status: 400 }));
  wss.publish("update_subscription", reload);
  await client.next();
  const { message } = await wss.admin.get("/why?partition=0&offset=3");
  assertMatch(message.recipients[0].result, /^began anew at 20.*: reload failed$/);
});

Deno.test("/why: records that are not there, or are for nobody", async () => {
  await using wss = await startWss();
  wss.publish("logout", { userId: "42" });
  const answers = [];
  for (const place of ["partition=0&offset=0", "partition=0&offset=7", "partition=5&offset=0"]) {
    answers.push((await wss.admin.get(`/why?${place}`)).answer);
  }
  assertEquals(answers, [
    "It is no message for sessions: a logout, no value, no record at all, or one that could not " +
    "be used and has left /quarantine",
    "It is not read yet: partition 0 is read up to 1",
    "There is no partition 5",
  ]);
});

Deno.test("/why says nothing of payloads or tokens, and wrong questions what they should be", async () => {
  await using wss = await startWss({ users: { "a-secret-token": "42" } });
  const { client, event } = await subscribe(wss, [], "a-secret-token");
  await using _ = client;
  publish(wss);
  await client.next();
  for (
    const path of [
      "/why?user=42",
      `/why?subscription=${event}`,
      "/why?partition=0&offset=0",
      "/sessions",
      "/quarantine",
      "/metrics",
    ]
  ) {
    const { text } = await wss.admin.request(path);
    assert(!text.includes("secret"), path);
  }
  const wrong: [string, string][] = [
    ["/why", "Missing ?partition=: expected ?user=, ?subscription=, or ?partition= and ?offset="],
    [
      "/why?partition=0",
      "Missing ?offset=: expected ?user=, ?subscription=, or ?partition= and ?offset=",
    ],
    ["/why?partition=x&offset=1", 'Cannot take "x" as partition: expected a whole number'],
    ["/why?user=", 'Cannot take "" as user: expected a user\'s id'],
  ];
  for (const [path, error] of wrong) {
    const { status, body } = await wss.admin.request(path);
    assertEquals([status, body.error], [400, error]);
  }
});

Deno.test("what is remembered for /why is bounded, and is let go with the window", async () => {
  const log = createEmbeddedLog();
  await using wss = await startWss({ log, settings: { RECOVERY_MAX_BYTES: "20000" } });
  const { client } = await subscribe(wss);
  await using _ = client;
  const steps = () => wss.admin.metric({ name: "wss_trace_steps" });
  for (let i = 0; i < 1000; i++) publish(wss, i);
  const level = await steps();
  for (let i = 0; i < 1000; i++) publish(wss, i);

  assert(level > 10 && level < 100, `${level}`);
  assert(Math.abs(await steps() - level) <= 1);
});

Deno.test("/why: of a subscription that many share, the user's own session is told of", async () => {
  await using wss = await startWss();
  const where = { from: 1, to: 2, timezone: "UTC" };
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < 101; i++) {
    const guest = stack.use(await wss.connect("/mobile"));
    await guest.request("getSchedules", { where });
  }
  const alice = stack.use(await wss.connect("/mobile", { token: "alice" }));
  const id = [...wss.service.sessions].at(-1)?.id;
  const { event } = await alice.request("getSchedules", { where });
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  await alice.next();

  const { messages: [own] } = await wss.admin.get("/why?user=42");
  assertEquals([own.recipientCount, own.recipients[0].session], [1, id]);
  const { answer, messages: [all] } = await wss.admin.get(`/why?subscription=${event}`);
  assertEquals([all.recipientCount, all.recipients.length], [102, 100]);
  assertMatch(answer, /^The latest of 1: 0-0 .* sent, to session .*, and 101 more$/);

  await alice.request("subscription", { ids: [event], action: "unsubscribe" });
  wss.publish("update_subscription", { resource: "schedule", data: 2 });
  const { answer: without } = await wss.admin.get("/why?user=42");
  assertMatch(
    without,
    new RegExp(`session ${id}, no subscription any more since .*: unsubscribed`),
  );
});

Deno.test("/why: who logs in later was a guest when it was sent", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  await client.request("getSchedules", { where: { from: 1, to: 2, timezone: "UTC" } });
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  await client.next();
  const sentAt = Date.now();
  await until("a later time", () => Date.now() > sentAt);
  await client.request("authentication", { authToken: "bob" });

  const { message } = await wss.admin.get("/why?partition=0&offset=0");
  assertEquals(message.recipients[0].user, null);
});

Deno.test("/why: what was in quarantine after the latest message may be what is looked for", async () => {
  await using wss = await startWss();
  const { client } = await subscribe(wss);
  await using _ = client;
  publish(wss);
  await client.next();
  wss.log.publish("{");
  assertMatch(
    (await wss.admin.get("/why?user=42")).answer,
    /: sent, .*\. A later one was not published, or it is one of 1 records in \/quarantine$/,
  );
});

Deno.test("/why: what was read as the instance started was pushed to nobody, and is resumed", async () => {
  const log = createEmbeddedLog();
  await using before = await startWss({ log });
  const { client, cursor: since } = await subscribe(before);
  await using _ = client;
  publish(before);
  await using wss = await startWss({ log, backend: before.backend });
  const filled = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(filled.answer, /as this instance started, and pushed to nobody here: who comes/);

  await using again = await wss.connect("/web", { token: "alice" });
  await again.request("getMyNotifications", { ...LIST, since });
  await again.next();
  const { answer } = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(answer, /: caught up, to session /);
});

Deno.test("[DEL12] /why: what the log has lost is said to be lost", async () => {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  await using wss = await startWss({
    createReader: () => createChangedReader(log, (given) => events = given),
    log,
  });
  const { client } = await subscribe(wss);
  await using _ = client;
  publish(wss);
  await client.next();
  events?.onLost(0, 10);
  assertEquals((await client.next()).status, "resync");

  const { answer, known, sessions: [session] } = await wss.admin.get("/why?user=42");
  assertMatch(answer, /^Nothing .*, or the log has lost it, see `lost`$/);
  const [{ at: _at, ...lost }] = known.lost;
  assertEquals(lost, { partition: 0, from: 1, to: 10 });
  assertEquals(session.resyncs[0].why, "lost by the log");
  assertMatch((await wss.admin.get("/why?partition=0&offset=5")).answer, /^It was lost: at 20/);
});

Deno.test("/why: a client without wss.v1 is told of as well: its reload comes later", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /notification", () => new Response("no", { status: 400 }));
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const result = async () =>
    (await wss.admin.get("/why?partition=0&offset=0")).message.recipients[0].result;
  await until("it has failed", async () => await result() === "not sent yet: reload failed");
  wss.backend.reset("GET /notification");
  assertEquals((await client.next()).status, "reload");
  assertEquals(await result(), "reloaded");
});
