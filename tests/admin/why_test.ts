import { assert, assertEquals, assertMatch } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { until } from "../_support/queue.ts";
import {
  publish,
  type ReportedMessage,
  resultOf,
  subscribe,
  whyOf,
} from "../_support/service/why.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

Deno.test("/why says that a message was sent, when, and to which session", async () => {
  await using wss = await startWss();
  const alice = await subscribe(wss);
  const record = publish(wss);
  await alice.client.next();

  const { answer, messages: [message] } = await wss.admin.get("/why?user=42");
  assertMatch(
    answer,
    new RegExp(
      `^The latest of 1: ${record} of type message was read at 20.*For session ${alice.id}: sent$`,
    ),
  );
  const [{ steps, ...recipient }, ...others] = message.recipients;
  assertEquals(recipient, {
    session: alice.id,
    user: "42",
    subscription: alice.event,
    result: "sent",
  });
  assertEquals(others, []);
  assert(message.publishedAt <= message.readAt);
  assert(message.readAt <= steps[0].at);
});

Deno.test("/why says that the connection ended after a message was sent", async () => {
  await using wss = await startWss();
  const alice = await subscribe(wss);
  const record = publish(wss);
  await alice.client.next();
  await alice.client[Symbol.asyncDispose]();
  await until("the session has ended", () => wss.service.sessions.size === 0);

  const { recipients: [recipient] } = await whyOf(wss, record);
  assertMatch(recipient?.result ?? "", /^sent; the connection ended at 20.*: client$/);
  assertEquals(recipient?.user, "42");
});

Deno.test("/why says that a message is held back for a list, and then that it was caught up", async () => {
  await using wss = await startWss();
  await using alice = await subscribe(wss);
  const { client, event, cursor: since } = alice;
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  const record = publish(wss);
  assertEquals(await resultOf(wss, record), "not sent yet: held back: catching up");

  letGo();
  await client.reply(rid);
  await client.next();
  await using again = await wss.connect("/web", { token: "alice" });
  await again.request("getMyNotifications", { ...LIST, since });
  await again.next();

  const { target, sessions, sessionCount, messages: [message] } = await wss.admin.get(
    `/why?subscription=${event}`,
  );
  assertEquals(target, { id: event, resource: "notification", types: [] });
  assertEquals({ sessions: sessions.length, sessionCount }, { sessions: 2, sessionCount: 2 });
  const { recipients }: ReportedMessage = message;
  assertEquals(
    recipients.map(({ steps }) => steps.map(({ what }) => what)),
    // The second client has resumed.
    [["held back: catching up", "caught up"], ["caught up"]],
  );
});

Deno.test("/why says that a message is held back for a slow client, and then that it was resynced", async () => {
  await using wss = await startWss({ settings: { RECOVERY_MAX_BYTES: 3_000_000 } });
  using slow = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-protocol": "wss.v1" });
  await slow.request({ rid: 1, command: "authentication", options: { authToken: "alice" } });
  await slow.request({ rid: 2, command: "getMyNotifications", options: LIST });
  await slow.readJson();
  await slow.readJson();
  const large = "x".repeat(900_000);
  let record = "";
  for (let i = 0; i < 14; i++) {
    record = publish(wss, large);
    // The next one in another turn, so that the system takes what it can.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(await resultOf(wss, record), "not sent yet: held back: the client is behind");
  assertMatch(
    (await wss.admin.get("/why?partition=0&offset=0")).answer,
    /^It has left the window, which begins at offset \d+$/,
  );

  while ((await slow.readJson())?.status !== "resync");

  assertMatch(
    await resultOf(wss, record) ?? "",
    /^not sent: the client was resynced at 20.*: left the window$/,
  );
});

Deno.test("/why says that a subscription ended before a message was sent to it", async () => {
  await using wss = await startWss();
  const { client } = await subscribe(wss);
  const release = wss.backend.hold("GET /notification");
  client.ask("getMyNotifications", LIST);
  await release();
  const record = publish(wss);
  await client[Symbol.asyncDispose]();
  await until("the session has ended", () => wss.service.sessions.size === 0);

  assertMatch(
    await resultOf(wss, record) ?? "",
    /^not sent: the subscription ended at 20.*: the connection ended$/,
  );
});

Deno.test("[LIST2] /why says that a subscription ended, as its list failed, before a message was sent to it", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
  const release = wss.backend.hold("GET /notification", () => new Response("no", { status: 404 }));
  const ask = async () => {
    const rid = client.ask("getMyNotifications", LIST);
    const letGo = await release();
    return { rid, letGo };
  };
  const nothingCame = await ask();
  nothingCame.letGo();
  await client.reply(nothingCame.rid);
  const { sessions: [session] } = await wss.admin.get("/why?user=42");

  const failed = await ask();
  const record = publish(wss);
  const before = await resultOf(wss, record);
  failed.letGo();
  await client.reply(failed.rid);

  assertEquals(session.subscriptions, []);
  assertEquals(before, "not sent yet: held back: catching up");
  assertMatch(
    await resultOf(wss, record) ?? "",
    /^not sent: the subscription ended at 20.*: its list failed$/,
  );
});

Deno.test("/why says of each reload whether it was sent, or a later list has it, or it failed", async () => {
  await using wss = await startWss();
  await using alice = await subscribe(wss);
  const { client, event } = alice;
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

  const { messages }: { messages: ReportedMessage[] } = await wss.admin.get("/why?user=42");

  assertEquals(
    messages.map(({ does, recipients }) => ({ does, results: recipients.map((r) => r.result) })),
    [
      { does: "reload", results: ["reloaded"] },
      { does: "reload", results: ["in a later list"] },
      { does: "reload", results: ["reloaded"] },
    ],
  );
  wss.backend.on("GET /notification", () => new Response("no", { status: 400 }));
  const failed = wss.publish("update_subscription", reload);
  await client.next();
  assertMatch(
    await resultOf(wss, failed) ?? "",
    /^not sent: the client was resynced at 20.*: reload failed$/,
  );
});

Deno.test("/why says that the reload of a client without wss.v1 has failed, until it succeeds", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /notification", () => new Response("no", { status: 400 }));
  const record = wss.publish("update_subscription", {
    subscriptions: [event],
    options: { reload: true },
  });
  await until(
    "the reload has failed",
    async () => await resultOf(wss, record) === "not sent yet: reload failed",
  );
  wss.backend.reset("GET /notification");
  clock.tick(7500);
  assertEquals((await client.next()).status, "reload");
  assertEquals(await resultOf(wss, record), "reloaded");
});

Deno.test("/why says that a message was read at the start, until a client resumes", async () => {
  const log = createEmbeddedLog();
  await using before = await startWss({ log });
  await using alice = await subscribe(before);
  publish(before);
  await using wss = await startWss({ log, backend: before.backend });
  const filled = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(
    filled.answer,
    /, while this instance started, so it pushed it to nobody\. A client that resumes gets it$/,
  );

  await using again = await wss.connect("/web", { token: "alice" });
  await again.request("getMyNotifications", { ...LIST, since: alice.cursor });
  await again.next();
  const { answer } = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(answer, /\. For session \S+: caught up$/);
});

Deno.test("/why?user= reports only the user's own sessions of a subscription that many share", async () => {
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
  assertEquals({ count: own.recipientCount, first: own.recipients[0].session }, {
    count: 1,
    first: id,
  });
  const { answer, messages: [all] } = await wss.admin.get(`/why?subscription=${event}`);
  assertEquals({ count: all.recipientCount, reported: all.recipients.length }, {
    count: 102,
    reported: 100,
  });
  assertMatch(
    answer,
    /^The latest of 1: 0-0 .*\. For session \S+: sent\. Further recipients: 101$/,
  );

  await alice.request("subscription", { ids: [event], action: "unsubscribe" });
  wss.publish("update_subscription", { resource: "schedule", data: 2 });
  const { answer: without } = await wss.admin.get("/why?user=42");
  assertMatch(without, new RegExp(`Session ${id}: no longer subscribed since .*: unsubscribed`));
});

Deno.test("/why reports a recipient that logged in later as a guest", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  await client.request("getSchedules", { where: { from: 1, to: 2, timezone: "UTC" } });
  const record = wss.publish("update_subscription", { resource: "schedule", data: 1 });
  await client.next();
  const sentAt = Date.now();
  await until("a millisecond has passed", () => Date.now() > sentAt);
  await client.request("authentication", { authToken: "bob" });

  assertEquals((await whyOf(wss, record)).recipients[0]?.user, null);
});
