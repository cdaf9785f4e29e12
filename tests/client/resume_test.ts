import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Change, connect, type Inbox, WssError } from "../../src/client/mod.ts";
import { messagesOf } from "../_support/clients/client.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { startScriptedService } from "../_support/service/scripted_service.ts";
import { connectClient } from "../_support/clients/library_client.ts";
import { startTwo, startWss, type Wss } from "../_support/service/wss.ts";

/** The next change. */
async function next(inbox: Inbox): Promise<Change> {
  const { value, done } = await inbox.next();
  assert(!done);
  return value;
}

function listCalls({ backend }: Pick<Wss, "backend">): string[] {
  return backend.calls.map(({ url }) => url).filter((url) => url.startsWith("/notification"));
}

const LIST = { kind: "list", items: [{ id: "n1" }] };

Deno.test("[DEL5] a client whose connection was cut resumes on another instance, without a list", async () => {
  await using pair = await startTwo();
  using proxy = startProxy(pair.one.ws);
  using client = connect(`${proxy.ws}/web`, { token: () => "alice" });
  const inboxes = [client.notifications({ types: ["a"] }), client.notifications()];
  for (const inbox of inboxes) assertEquals(await next(inbox), LIST);
  pair.backend.forget();

  for (const { ws } of [pair.two, pair.one]) {
    proxy.redirect(ws);
    proxy.cut();
    for (let data = 1; data <= 3; data++) {
      pair.one.publish("notification", { userId: "42", type: "a", data }, data % 3);
    }
    for (const inbox of inboxes) {
      const changes = [await next(inbox), await next(inbox), await next(inbox)];
      const data = changes.map((change) => change.kind === "update" && change.data);
      assertEquals(data.toSorted(), [1, 2, 3]);
    }
  }
  assertEquals(listCalls(pair), []);
});

Deno.test("[DEL6] a client that was away for too long gets a list", async () => {
  await using wss = await startWss({ settings: { RECOVERY_MAX_BYTES: 1 } });
  using proxy = startProxy(wss.ws);
  using client = connect(`${proxy.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await next(inbox);
  proxy.cut();
  wss.publish("notification", { userId: "42", type: "a", data: "gone" });
  wss.publish("notification", { userId: "42", type: "a", data: "gone" });
  assertEquals(await next(inbox), LIST);
  wss.publish("notification", { userId: "42", type: "a", data: 1 });
  assertEquals(await next(inbox), { kind: "update", data: 1 });
});

Deno.test("[DEL8] a quiet client resumes from the cursor for all of its subscriptions", async () => {
  await using wss = await startWss({ settings: { CURSOR_SECONDS: 0.1 } });
  using proxy = startProxy(wss.ws);
  const cursors: string[] = [];
  const sent: string[] = [];
  let told = Promise.withResolvers<void>();
  using client = connect(`${proxy.ws}/web`, {
    token: () => "alice",
    onFrame(direction, text) {
      if (direction === "out") return sent.push(JSON.parse(text).options.since);
      for (const { event, cursor = "" } of messagesOf(text)) {
        if (event !== "stream") continue;
        cursors.push(cursor);
        told.resolve();
      }
    },
  });
  const inbox = client.notifications();
  await next(inbox);
  wss.publish("notification", { userId: "43", type: "a", data: "not for it" });
  told = Promise.withResolvers<void>();
  await told.promise;
  const latest = cursors.at(-1);
  proxy.cut();
  wss.publish("notification", { userId: "42", type: "a", data: 1 });
  assertEquals(await next(inbox), { kind: "update", data: 1 });
  assertEquals(sent.at(-1), latest);
});

Deno.test("[DEL4] a repeated push is dropped, but only in its own subscription", async () => {
  await using service = startScriptedService();
  using client = connect(service.ws);
  const [one, two] = [client.notifications(), client.notifications()] as const;
  const socket = await service.socket();
  const send = (frame: object) => socket.send(JSON.stringify({ rid: -1, status: "ok", ...frame }));
  send({ rid: 1, event: "one", payload: [] });
  send({ rid: 2, event: "two", payload: [] });
  const pushes = [["one", "0-5"], ["one", "0-5"], ["one", "1-5"], ["two", "0-5"], ["one", "0-4"]];
  for (const [event, id] of pushes) send({ event, id, status: "update", payload: id });
  send({ event: "one", id: "0-10", status: "update", payload: "0-10" });

  await Promise.all([next(one), next(two)]);
  for (const data of ["0-5", "1-5", "0-10"]) {
    assertEquals(await next(one), { kind: "update", data });
  }
  assertEquals(await next(two), { kind: "update", data: "0-5" });
});

Deno.test("[DEL13] after a resync, a push whose id came before is no repeat", async () => {
  await using service = startScriptedService();
  using client = connect(service.ws);
  const inbox = client.notifications();
  const socket = await service.socket();
  const send = (frame: object) => socket.send(JSON.stringify({ rid: -1, event: "one", ...frame }));
  send({ rid: 1, status: "ok", payload: [] });
  send({ status: "update", id: "0-5", payload: "of the old log" });
  send({ status: "resync", payload: { missed: null } });
  send({ status: "update", id: "0-3", payload: "of the new log" });
  send({ status: "update", id: "0-3", payload: "a repeat" });
  send({ status: "update", id: "0-6", payload: "after it" });

  await next(inbox);
  for (const data of ["of the old log", "of the new log", "after it"]) {
    assertEquals(await next(inbox), { kind: "update", data });
  }
});

Deno.test("[KAF3][DEL11] a reader gets a reload as a reload, and a list if a reload has failed", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await next(inbox);
  const reload = { subscriptions: [inbox.id], options: { reload: true } };
  wss.backend.on("GET /notification", () => Response.json(["again"]));
  wss.publish("update_subscription", reload);
  assertEquals(await next(inbox), { kind: "reload", items: ["again"] });

  let calls = 0;
  wss.backend.on(
    "GET /notification",
    () => ++calls === 1 ? new Response(null, { status: 500 }) : Response.json(["mended"]),
  );
  wss.publish("update_subscription", reload);
  assertEquals(await next(inbox), { kind: "list", items: ["mended"] });
});

Deno.test("a list is requested again after a temporary error, and any other error ends the inbox", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const statuses = [500, 500, 200];
  wss.backend.on("GET /notification", () => Response.json([], { status: statuses.shift() ?? 200 }));
  assertEquals((await next(client.notifications())).kind, "list");
  assertEquals(statuses, []);

  wss.backend.on("GET /notification", () => new Response(null, { status: 403 }));
  const { slug } = await assertRejects(() => client.notifications().next(), WssError);
  assertEquals(slug, "forbidden");
});

Deno.test("a reader with too many unread changes, or too large ones, gets a list", async () => {
  await using wss = await startWss({ settings: { SLOW_TIMEOUT_SECONDS: 60 } });
  for (const [count, data] of [[1001, "x"], [50, "x".repeat(100_000)]] as const) {
    let pushes = 0;
    const allCame = Promise.withResolvers<void>();
    using client = connect(`${wss.ws}/web`, {
      token: () => "alice",
      onFrame(direction, text) {
        if (direction === "out") return;
        pushes += messagesOf(text).filter(({ status }) => status === "update").length;
        if (pushes === count) allCame.resolve();
      },
    });
    const inbox = client.notifications();
    await next(inbox);
    for (let i = 0; i < count; i++) {
      wss.publish("notification", { userId: "42", type: "a", data });
    }
    await allCame.promise;
    wss.backend.forget();
    assertEquals((await next(inbox)).kind, "list");
    assertEquals(listCalls(wss).length, 1);
    wss.publish("notification", { userId: "42", type: "a", data: "new" });
    assertEquals(await next(inbox), { kind: "update", data: "new" });
  }
});

Deno.test("a slow reader within the limits misses nothing", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await client.count({ status: "unseen" });
  for (let data = 0; data < 999; data++) {
    wss.publish("notification", { userId: "42", type: "a", data });
  }
  await client.count({ status: "unseen" });
  assertEquals(await next(inbox), LIST);
  for (let data = 0; data < 999; data++) assertEquals(await next(inbox), { kind: "update", data });
});

Deno.test("leaving the loop ends the subscription, and the service pushes nothing more of it", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  for await (const change of client.notifications()) {
    assertEquals(change.kind, "list");
    break;
  }
  await client.count({ status: "unseen" });
  assertEquals([...wss.service.sessions].map(({ subscriptionCount }) => subscriptionCount), [0]);
});

Deno.test("closing an inbox while its list is under way leaves no subscription behind", async () => {
  await using wss = await startWss();
  const held = wss.backend.hold("GET /notification");
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  const reading = inbox.next();
  const release = await held();
  inbox.close();
  assertEquals(await reading, { value: undefined, done: true });
  wss.backend.reset("GET /notification");
  release();
  const other = client.notifications({ types: ["b"] });
  await next(other);
  await client.count({ status: "unseen" });
  const subscriptions = [...wss.service.sessions].flatMap((session) => [...session.subscriptions]);
  assertEquals(subscriptions.map(({ target }) => target.id), [other.id]);
});

Deno.test("two inboxes of one subscription both get everything, and one goes on when the other ends", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  const sent: string[] = [];
  using client = connect(`${proxy.ws}/web`, {
    token: () => "alice",
    onFrame: (direction, text) => direction === "out" && sent.push(JSON.parse(text).command),
  });
  const [one, two] = [client.notifications(), client.notifications()] as const;
  for (const inbox of [one, two]) assertEquals(await next(inbox), LIST);
  assertEquals(one.id, two.id);
  const publish = (data: unknown) => wss.publish("notification", { userId: "42", type: "a", data });
  publish(1);
  for (const inbox of [one, two]) assertEquals(await next(inbox), { kind: "update", data: 1 });
  proxy.cut();
  publish(2);
  for (const inbox of [one, two]) assertEquals(await next(inbox), { kind: "update", data: 2 });

  one.close();
  await client.count({ status: "unseen" });
  publish(3);
  assertEquals(await next(two), { kind: "update", data: 3 });
  two.close();
  await client.count({ status: "unseen" });
  assertEquals(sent.filter((command) => command === "subscription").length, 1);
});

Deno.test("an inbox goes on if another inbox of its subscription ends before both have a list", async () => {
  await using wss = await startWss();
  const held = wss.backend.hold("GET /notification");
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const one = client.notifications();
  const first = one.next();
  (await held())();
  await first;
  const two = client.notifications();
  const release = await held();
  one.close();
  wss.backend.reset("GET /notification");
  release();
  assertEquals(await next(two), { kind: "list", items: [{ id: "held" }] });
  await client.count({ status: "unseen" });
  await client.count({ status: "unseen" });
  wss.publish("notification", { userId: "42", type: "a", data: 1 });
  assertEquals(await next(two), { kind: "update", data: 1 });
});

Deno.test("changes that wait when an inbox ends can still be read", async () => {
  await using wss = await startWss();
  const client = connectClient(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications();
  await client.count({ status: "unseen" });
  wss.publish("notification", { userId: "42", type: "a", data: 1 });
  await client.count({ status: "unseen" });
  client.close();
  const changes = await Array.fromAsync(inbox);
  assertEquals(changes, [LIST, { kind: "update", data: 1 }]);
});
