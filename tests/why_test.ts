import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createEmbeddedLog } from "../src/dev/embedded_log.ts";
import { until } from "./_support/queue.ts";
import { openRawSocket } from "./_support/raw_socket.ts";
import { startWss, type Wss } from "./_support/wss.ts";

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
