import { assert, assertEquals } from "@std/assert";
import { withoutCursor } from "../../_support/clients/client.ts";
import { fakeServiceClock, fakeTimeouts } from "../../_support/clock.ts";
import {
  type EventClient,
  openStream,
  parseEvents,
  post,
  streamUrl,
} from "../../_support/clients/event_client.ts";
import { exchange } from "../../_support/network/exchange.ts";
import { until } from "../../_support/queue.ts";
import { startTwo, startWss, type Wss } from "../../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };
const ALICE = { token: "alice" };

const notifications = (wss: Wss, options: unknown = LIST) =>
  streamUrl(`${wss.http}/web`, "getMyNotifications", options);
const schedule = (wss: Wss) => streamUrl(`${wss.http}/mobile`, "getSchedules", SCHEDULE);
const publish = (wss: Wss, data: unknown, userId = "42") =>
  wss.publish("notification", { userId, type: "a", data });

/** The name and the data of the last event of a stream. */
async function lastEvent(stream: EventClient) {
  const last = (await stream.untilEnd()).at(-1);
  return last && { name: last.name, data: last.data, retry: last.retry };
}

Deno.test("[HTTP2] an event stream begins with the reply, and pushes follow with their cursors as ids", async () => {
  await using wss = await startWss();
  await using stream = await openStream(notifications(wss), ALICE);
  const { headers, status } = stream.response;
  assertEquals(
    [
      status,
      ...["content-type", "cache-control", "x-accel-buffering"].map((name) => headers.get(name)),
    ],
    [200, "text/event-stream; charset=utf-8", "no-store, no-transform", "no"],
  );
  const first = await stream.nextEvent();
  const reply = JSON.parse(first.data);
  assertEquals([first.name, first.id, reply.rid, reply.status, reply.payload], [
    "message",
    reply.cursor,
    -1,
    "ok",
    [{ id: "n1" }],
  ]);
  const id = publish(wss, "größer €");
  const second = await stream.nextEvent();
  const push = JSON.parse(second.data);
  assertEquals(push, {
    rid: -1,
    event: reply.event,
    status: "update",
    payload: "größer €",
    id,
    cursor: second.id,
  });
});

Deno.test("[HTTP2] a stream gets the frames that a socket with wss.v1 gets", async () => {
  await using wss = await startWss();
  await using socket = await wss.connect("/web", { protocols: ["wss.v1"], ...ALICE });
  const { event } = await socket.request("getMyNotifications", LIST);
  await using stream = await openStream(notifications(wss), ALICE);
  await stream.next();
  const reload = { subscriptions: [event], options: { reload: true } };
  const expectSame = async (status: string) => {
    // A cursor names its time, too.
    const [frame, other] = withoutCursor([await stream.next(), await socket.next()]);
    assertEquals([frame, frame?.status], [other, status]);
  };

  publish(wss, { n: 1 });
  wss.publish("update_subscription", reload);
  await expectSame("update");
  await expectSame("reload");
  wss.backend.on("GET /notification", () => new Response(null, { status: 410 }));
  wss.publish("update_subscription", reload);
  await expectSame("resync");
  publish(wss, { n: 2 });
  await expectSame("update");
});

Deno.test("[HTTP2][COUNT2] a count has a stream if it subscribes, and is a plain reply else", async () => {
  await using wss = await startWss();
  const count = (subscribe: boolean) =>
    streamUrl(`${wss.http}/web`, "getMyNotificationsCount", {
      ...LIST,
      status: "unseen",
      subscribe,
    });
  const plain = await fetch(count(false), {
    headers: { accept: "text/event-stream", authorization: "alice" },
  });
  assertEquals((await plain.json()).payload, { total: 3 });
  await using stream = await openStream(count(true), ALICE);
  assertEquals((await stream.next()).payload, { total: 3 });

  wss.backend.on("GET /notification", () => Response.json({ total: 4 }));
  publish(wss, "one more");

  const { status, payload } = await stream.next();
  assertEquals([status, payload], ["update", { total: 4 }]);
  wss.publish("logout", { userId: "42" });
  assertEquals(await lastEvent(stream), {
    name: "close",
    data: '{"code": 4401}',
    retry: undefined,
  });
});

Deno.test("[HTTP2] line breaks between the tokens of a payload make no new event", async () => {
  await using wss = await startWss();
  const list = '[\n  {"id": "a\\nb"},\r\n\r\n{"x":\r1}\n\n]';
  wss.backend.on("GET /schedule", () => new Response(list));
  await using stream = await openStream(schedule(wss));
  assertEquals((await stream.next()).payload, JSON.parse(list));
  wss.publish("update_subscription", { resource: "schedule", data: "a\n\nevent: x\n\n" });
  assertEquals((await stream.next()).payload, "a\n\nevent: x\n\n");
});

Deno.test("[HTTP2] what looks like a cursor inside of a payload is no id", async () => {
  await using wss = await startWss();
  await using stream = await openStream(schedule(wss));
  const { event } = await stream.next();
  for (const data of ['","cursor":"fake"}', { a: 1, cursor: "fake" }, ',"cursor":"fake']) {
    wss.publish("update_subscription", { subscriptions: [event], data });
    const { id, data: text } = await stream.nextEvent();
    assertEquals([id, JSON.parse(text).payload], [JSON.parse(text).cursor, data]);
  }
});

const messageOf = ({ Message }: { Message: string }) => Message;
const MISSING = ["Missing command: expected string", "Missing options: expected an object"];

Deno.test("[HTTP2] a reply other than ok is answered as to a POST, without a stream", async () => {
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 1000 } });
  const command = "getMyNotifications";
  const cases: [string, number, string | undefined][] = [
    [notifications(wss, {}), 400, "invalid-options"],
    [streamUrl(`${wss.http}/web`, "getSchedules", SCHEDULE), 404, "unsupported-command"],
    [streamUrl(`${wss.http}/web`, "updateNotifications", {}), 404, "unsupported-command"],
    [
      streamUrl(`${wss.http}/mobile`, "getTournament", { where: { id: "1" } }),
      404,
      "unsupported-command",
    ],
    [streamUrl(`${wss.http}/web`, "authentication", {}), 404, "unsupported-command"],
    [`${wss.http}/web?command=${command}&options=${encodeURIComponent("{")}`, 400, "invalid-json"],
    [`${wss.http}/web?command=${command}&options=`, 400, "invalid-json"],
    [`${wss.http}/web?command=${command}&options=[]`, 400, "invalid-request"],
    [`${wss.http}/web?command=${command}`, 400, "invalid-request"],
    [`${wss.http}/web?options={}`, 400, "invalid-request"],
    [`${wss.http}/web`, 400, "invalid-request"],
    [notifications(wss, { ...LIST, x: "x".repeat(1000) }), 413, "invalid-request"],
  ];
  for (const [url, status, slug] of cases) {
    await using stream = await openStream(url, ALICE);
    const reply = await stream.reply();
    const seen = [stream.response.status, reply.payload?.error?.[0]?.Slug, reply.rid];
    assertEquals(seen, [status, slug, -1], url);
    if (url.endsWith("/web")) assertEquals(reply.payload.error?.map(messageOf), MISSING);
  }
  for (const status of [401, 403, 404]) {
    wss.backend.on("GET /notification", () => Response.json({ why: status }, { status }));
    await using stream = await openStream(notifications(wss), ALICE);
    assertEquals([stream.response.status, (await stream.reply()).payload], [status, {
      why: status,
    }]);
  }
  await using guest = await openStream(notifications(wss));
  assertEquals([guest.response.status, (await guest.reply()).status], [401, "unauthorized"]);
  await until("nothing is left", () => wss.service.sessions.size + wss.service.connections === 0);
  assertEquals(wss.service.sessions.indexSizes(), { keys: 0, users: 0 });
});

Deno.test("[HTTP2][NET4] the token of a stream comes as the header Authorization, and never from the URL", async () => {
  await using wss = await startWss();
  for (const name of ["token", "authorization", "authToken", "access_token", "bearer"]) {
    await using stream = await openStream(`${notifications(wss)}&${name}=alice`);
    assertEquals(stream.response.status, 401, name);
  }
  await using inOptions = await openStream(notifications(wss, { ...LIST, authToken: "alice" }));
  assertEquals(inOptions.response.status, 401);
  await using refused = await openStream(notifications(wss), { token: "nobody" });
  assertEquals([refused.response.status, (await refused.reply()).status], [401, "unauthorized"]);
  assertEquals(refused.response.headers.get("www-authenticate"), "Bearer");
});

Deno.test("[HTTP2][NET4] with AUTH_REQUIRED, a stream without a token is 401, and no API is asked", async () => {
  await using wss = await startWss({ settings: { AUTH_REQUIRED: true } });
  await using guest = await openStream(schedule(wss));
  assertEquals([guest.response.status, wss.backend.calls.length], [401, 0]);
  await using alice = await openStream(schedule(wss), ALICE);
  assertEquals((await alice.next()).status, "ok");
});

Deno.test("[HTTP2][NET2] only a GET that accepts text/event-stream is answered with a stream", async () => {
  await using wss = await startWss();
  const plain = [undefined, "*/*", "text/*", "text/html, application/json", "text/event-streams"];
  for (const accept of plain) {
    const response = await fetch(schedule(wss), {
      headers: accept === undefined ? {} : { accept },
    });
    assertEquals([response.status, await response.text()], [200, "Connected"], accept);
  }
  for (
    const accept of ["text/event-stream", "Text/Event-Stream; q=0.9", "text/html,text/event-stream"]
  ) {
    await using stream = await openStream(schedule(wss), { headers: { accept } });
    assertEquals((await stream.next()).status, "ok");
  }
  const head = await exchange(schedule(wss), "HEAD", ["accept: text/event-stream"]);
  assert(head.head.startsWith("HTTP/1.1 200 ") && !head.head.includes("event-stream"));
});

Deno.test("[HTTP3][DEL5] a stream goes on from Last-Event-ID on another instance, and nothing is missing or comes twice", async () => {
  await using two = await startTwo();
  const instances = [two.one, two.two];
  const seen: unknown[] = [];
  let lastEventId: string | undefined;
  let n = 0;
  two.backend.forget();
  // Each connection is cut after another number of pushes.
  for (let cut = 0; cut < 6; cut++) {
    const wss = instances[cut % 2] as Wss;
    await using stream = await openStream(notifications(wss), { ...ALICE, lastEventId });
    const { recovered, payload } = await stream.next();
    assertEquals([recovered, payload], cut === 0 ? [undefined, [{ id: "n1" }]] : [true, null]);
    for (let i = 0; i < 5; i++) {
      two.one.publish("notification", { userId: "42", type: "a", data: n++ }, i % 3);
    }
    for (let i = 0; i < cut; i++) seen.push((await stream.next()).payload);
    lastEventId = stream.lastId;
  }
  await using last = await openStream(notifications(two.one), { ...ALICE, lastEventId });
  await last.next();
  while (seen.length < n) seen.push((await last.next()).payload);
  publish(two.two, "the end");
  assertEquals((await last.next()).payload, "the end");
  assertEquals(seen.sort(), Array.from({ length: n }, (_, i) => i).sort());
  assertEquals(two.backend.calls.filter(({ url }) => url.startsWith("/notification")).length, 1);
});

Deno.test("[HTTP3] Last-Event-ID comes before a since in the options, and an unreadable one gets the list", async () => {
  await using wss = await startWss();
  await using first = await openStream(notifications(wss), ALICE);
  const { cursor: since } = await first.next();
  publish(wss, 1);
  const { cursor: lastEventId } = await first.next();
  publish(wss, 2);

  await using both = await openStream(notifications(wss, { ...LIST, since }), {
    ...ALICE,
    lastEventId,
  });
  assertEquals([(await both.next()).recovered, (await both.next()).payload], [true, 2]);
  await using own = await openStream(notifications(wss, { ...LIST, since }), ALICE);
  assertEquals([(await own.next()).recovered, (await own.next()).payload], [true, 1]);
  await using odd = await openStream(notifications(wss, { ...LIST, Since: since }), {
    ...ALICE,
    lastEventId: "7",
  });
  const reply = await odd.next();
  assertEquals([reply.recovered, reply.payload], [false, [{ id: "n1" }]]);
});

Deno.test("[HTTP4][LIM1] streams count for MAX_CONNECTIONS_PER_IP until they have gone", async () => {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS_PER_IP: 2 } });
  await using _socket = await wss.connect("/web");
  const stream = await openStream(notifications(wss), ALICE);
  await stream.next();
  assertEquals(wss.service.connections, 2);
  await using full = await openStream(schedule(wss));
  const { status, headers } = full.response;
  assertEquals([status, headers.get("retry-after")], [503, "5"]);
  await stream[Symbol.asyncDispose]();
  await until("its slot is free", () => wss.service.connections === 1);
  assertEquals(wss.service.sessions.size, 1);
});

Deno.test("[HTTP4][AUTH6] after unauthorized, a stream of notifications ends with 4401, and one of the schedule goes on", async () => {
  await using wss = await startWss();
  await using stream = await openStream(notifications(wss), ALICE);
  await using free = await openStream(schedule(wss), ALICE);
  await Promise.all([stream.next(), free.next()]);

  wss.publish("logout", { userId: "42" });

  const unauthorized = { rid: -1, event: "authentication", status: "unauthorized", payload: null };
  assertEquals(await stream.next(), unauthorized);
  assertEquals(await lastEvent(stream), {
    name: "close",
    data: '{"code": 4401}',
    retry: undefined,
  });
  assertEquals(await free.next(), unauthorized);
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  assertEquals((await free.next()).payload, 1);
});

Deno.test("[HTTP4][AUTH6] a user who is logged out before the reply gets 401, and a schedule nevertheless", async () => {
  await using wss = await startWss();
  const next = wss.backend.hold("GET /notification");
  const nextSchedule = wss.backend.hold("GET /schedule");
  const asking = openStream(notifications(wss), ALICE);
  const askingFree = openStream(schedule(wss), ALICE);
  const [letGo, letGoFree] = [await next(), await nextSchedule()];
  wss.publish("logout", { userId: "42" });
  await until("both are logged out", () => wss.service.sessions.ofUser("42").length === 0);
  letGo();
  letGoFree();

  await using stream = await asking;
  assertEquals([stream.response.status, (await stream.reply()).status], [401, "unauthorized"]);
  await using free = await askingFree;
  assertEquals([(await free.next()).status, (await free.next()).event], ["ok", "authentication"]);
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  assertEquals((await free.next()).payload, 1);
});

Deno.test("[HTTP4][LIFE4] in a drain, a stream is served until its slot, and ends with a random time to come back", async () => {
  await using two = await startTwo({ settings: { DRAIN_SECONDS: 4 } });
  using clock = fakeTimeouts();
  const retries: (number | undefined)[] = [];
  const streams: EventClient[] = [];
  for (let i = 0; i < 8; i++) streams.push(await openStream(notifications(two.one), ALICE));
  await Promise.all(streams.map((stream) => stream.next()));

  const stopped = two.one.stop();
  const slots: number[] = [];
  for (const stream of streams) {
    const { event, status, payload, cursor } = await stream.next();
    assertEquals([event, status, typeof cursor], ["server", "reconnect", "string"]);
    slots.push(payload.afterMs);
  }
  assertEquals(slots, [250, 750, 1250, 1750, 2250, 2750, 3250, 3750]);
  let now = 0;
  for (const [i, stream] of streams.entries()) {
    clock.tick((slots[i] ?? NaN) - 1 - now);
    publish(two.two, i);
    for (const open of streams.slice(i)) assertEquals((await open.next()).payload, i);
    clock.tick(1);
    now = slots[i] ?? NaN;
    const last = await lastEvent(stream);
    assertEquals([last?.name, last?.data], ["close", '{"code": 1012}']);
    retries.push(last?.retry);
    await using again = await openStream(notifications(two.two), {
      ...ALICE,
      lastEventId: stream.lastId,
    });
    assertEquals((await again.next()).recovered, true);
  }
  // The end of the service has timeouts of its own.
  const ticking = setInterval(() => clock.tick(100), 1);
  await stopped;
  clearInterval(ticking);
  await until("nobody is left", () => two.two.service.connections === 0);
  assert(retries.every((retry = NaN) => retry >= 0 && retry <= 1000), `${retries}`);
  assert(new Set(retries).size > 1, `${retries}`);
});

Deno.test("[HTTP4][LIFE4] a stream whose list is under way in a drain gets it first, a later one 503", async () => {
  await using wss = await startWss();
  const next = wss.backend.hold("GET /schedule");
  const asking = openStream(schedule(wss));
  const letGo = await next();
  const stopped = wss.stop();
  await using late = await openStream(schedule(wss));
  assertEquals([late.response.status, (await late.reply()).payload.error[0].Slug], [
    503,
    "shutting-down",
  ]);
  letGo();
  await using stream = await asking;
  assertEquals([(await stream.next()).status, (await stream.next()).status], ["ok", "reconnect"]);
  assertEquals((await lastEvent(stream))?.name, "close");
  await stopped;
});

Deno.test("[HTTP4] a comment keeps a quiet stream open, each CURSOR_SECONDS", async () => {
  await using wss = await startWss({ settings: { CURSOR_SECONDS: 0.02 } });
  await using stream = await openStream(schedule(wss));
  const { event, status, cursor } = await stream.next().then(() => stream.next());
  assertEquals([event, status, typeof cursor], ["stream", "live", "string"]);
  await until("there are comments", () => stream.comments >= 5);
});

Deno.test("[HTTP4] however rarely cursors come, a quiet stream gets a comment before its client takes it for dead", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss({ settings: { CURSOR_SECONDS: 3600 } });
  await using stream = await openStream(schedule(wss));
  await stream.next();
  clock.tick(30_000);
  await until("there is a comment", () => stream.comments > 0);
});

Deno.test("[HTTP4] an operator who closes a stream is told to its client as a code", async () => {
  await using wss = await startWss();
  await using stream = await openStream(notifications(wss), ALICE);
  await stream.next();
  const { sessions: [session] } = await wss.admin.get("/sessions?user=42");
  assertEquals([session.transport, session.subscriptionCount], ["stream", 1]);
  const labels = { endpoint: "/web", transport: "stream" };
  assertEquals(await wss.admin.metric({ name: "wss_connections", labels }), 1);
  await wss.admin.post(`/sessions/${session.id}/close`);
  const last = await lastEvent(stream);
  assertEquals([last?.name, last?.data], ["close", '{"code": 1012}']);
  await until("it is gone", () => wss.service.connections === 0);
  assertEquals(await wss.admin.metric({ name: "wss_connections", labels }), 0);
});

Deno.test("[HTTP4][LIFE3] streams that are cut at any moment leave nothing behind", async () => {
  await using wss = await startWss();
  const cut = async (afterMs: number) => {
    const abort = new AbortController();
    const url = afterMs % 2 ? notifications(wss) : schedule(wss);
    const headers = { accept: "text/event-stream", authorization: "alice" };
    const response = fetch(url, { headers, signal: abort.signal });
    const reading = response.then((response) => response.text()).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    abort.abort();
    await reading;
  };
  await Promise.all(Array.from({ length: 200 }, (_, i) => cut(i / 5)));
  await until("they are gone", () => wss.service.connections === 0);
  const { sessions, slowClients, revalidation, reloads } = wss.service;
  assertEquals([sessions.size, slowClients.size, revalidation.size, reloads.size], [0, 0, 0, 0]);
  assertEquals(sessions.indexSizes(), { keys: 0, users: 0 });
});

Deno.test("[HTTP3][DEL2] a storm of streams that come back while records are published loses nothing", async () => {
  await using two = await startTwo();
  const instances = [two.one, two.two];
  let published = 0;
  const publishing = setInterval(() => {
    if (published < 100) publish(two.one, published++);
  }, 1);
  const read = async (client: number) => {
    const seen: unknown[] = [];
    let lastEventId: string | undefined;
    for (let cut = 0; seen.at(-1) !== 99; cut++) {
      const wss = instances[(client + cut) % 2] as Wss;
      await using stream = await openStream(notifications(wss), { ...ALICE, lastEventId });
      const { recovered } = await stream.next();
      assert(cut === 0 || recovered, "it has missed something");
      const most = cut < 3 ? 20 : Infinity;
      for (let i = 0; i < most && seen.at(-1) !== 99; i++) {
        const { status, payload } = await stream.next();
        // Others say that the stream is live.
        if (status === "update") seen.push(payload);
      }
      lastEventId = stream.lastId;
    }
    return seen as number[];
  };
  const all = await Promise.all(Array.from({ length: 40 }, (_, client) => read(client)));
  clearInterval(publishing);
  for (const seen of all) {
    const from = seen[0] ?? NaN;
    assertEquals(seen, Array.from({ length: 100 - from }, (_, i) => from + i));
  }
});

Deno.test("[HTTP1][HTTP2] a POST after a stream has begun is pushed to it", async () => {
  await using wss = await startWss();
  wss.backend.on("PUT /notification", () => {
    publish(wss, "seen");
    return new Response(null, { status: 204 });
  });
  await using stream = await openStream(notifications(wss), ALICE);
  await stream.next();
  const options = { where: { notifications: [] }, status: "read" };
  const { status } = await post(
    `${wss.http}/web`,
    { command: "updateNotifications", options },
    ALICE,
  );
  assertEquals([status, (await stream.next()).payload], [200, "seen"]);
  assertEquals([...parseEvents(":\n\nid: 1\ndata: a\ndata: b\n\n")], [
    { name: "message", data: "a\nb", id: "1", retry: undefined },
  ]);
});
