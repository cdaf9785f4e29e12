import { assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { withoutCursor } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startTwo, startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };
const V1 = { protocols: ["wss.v1"] };
const reload = (id: string) => ({ subscriptions: [id], options: { reload: true } });
const push = (data: unknown) => ({ userId: "42", type: "a", data });

Deno.test("[DEL11] a failed reload is a resync for a client with wss.v1, and pushes go on", async () => {
  await using two = await startTwo();
  await using client = await two.one.connect("/web", { ...V1, token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = two.backend.hold("GET /notification", () => new Response(null, { status: 500 }));

  two.one.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();
  two.one.publish("notification", push("after"));
  letGo();

  const resync = await client.next();
  assertEquals({ event: resync.event, status: resync.status, payload: resync.payload }, {
    event,
    status: "resync",
    payload: { missed: null },
  });
  assertEquals((await client.next()).payload, "after");
  // The client can resume from its cursor on any instance.
  await using resumed = await two.two.connect("/web", { token: "alice" });
  await resumed.request("getMyNotifications", { ...LIST, since: resync.cursor });
  assertEquals((await resumed.next()).payload, "after");
});

Deno.test("[DEL1][DEL4] reloads that become one keep their place, and the id of the first one", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: 1 } });
  await using client = await wss.connect("/mobile");
  const a = await client.request("getSchedules", SCHEDULE);
  const b = await client.request("getSchedules", { where: { ...SCHEDULE.where, to: 9 } });
  const release = wss.backend.hold("GET /schedule");

  const ids = [wss.publish("update_subscription", reload(b.event))];
  const letFirstGo = await release();
  ids.push(wss.publish("update_subscription", reload(a.event)));
  ids.push(wss.publish("update_subscription", { subscriptions: [a.event], data: 1 }));
  wss.publish("update_subscription", reload(a.event));
  letFirstGo();
  (await release())();

  const got = [await client.next(), await client.next(), await client.next()];
  assertEquals(got.map(({ id }) => id), ids);
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[KAF3] a reload fetches the list again, with the latest limit and sort and without skip", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", {
    params: { limit: 5, skip: 10, sort: "-id" },
    where: { types: ["a"] },
  });
  wss.backend.on("GET /notification", () => Response.json(["fresh"]));

  const id = wss.publish("update_subscription", {
    subscriptions: [event],
    options: { reload: true },
    data: "ignored",
  });

  const push = { rid: -1, event, status: "reload", payload: ["fresh"], id };
  assertEquals(withoutCursor([await client.next()]), [push]);
  const { url, authorization } = wss.backend.calls.at(-1) ?? {};
  assertEquals([url, authorization], ["/notification?limit=5&sort=-id&type=a", "alice"]);
});

Deno.test("[KAF3] a reload under way goes on while the client asks for a later page", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification", () => Response.json(["fresh"]));
  wss.publish("update_subscription", reload(event));
  const letGo = await release();
  wss.backend.on("GET /notification", () => Response.json(["page"]));

  const page = await client.request("getMyNotifications", { ...LIST, params: { skip: 10 } });
  wss.backend.on("GET /notification", () => Response.json(["fresh"]));
  letGo();

  assertEquals([page.event, page.status], [event, "ok"]);
  const { status, payload } = await client.next();
  assertEquals([status, payload], ["reload", ["fresh"]]);
});

Deno.test("[DEL6] the reply with a later page has a cursor in front of a reload under way", async () => {
  await using two = await startTwo();
  await using client = await two.one.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = two.backend.hold("GET /notification");
  two.one.publish("update_subscription", reload(event));
  await release();
  two.backend.on("GET /notification", () => Response.json(["fresh"]));

  const page = await client.request("getMyNotifications", { ...LIST, params: { skip: 10 } });

  await using resumed = await two.two.connect("/web", { token: "alice" });
  const reply = await resumed.request("getMyNotifications", { ...LIST, since: page.cursor });
  assertEquals([reply.recovered, reply.payload], [false, ["fresh"]]);
});

Deno.test("[KAF3] a reload that comes while a later page is under way follows it", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification", () => Response.json(["page"]));
  const page = client.request("getMyNotifications", { ...LIST, params: { skip: 10 } });
  const letGo = await release();
  wss.backend.on("GET /notification", () => Response.json(["fresh"]));

  wss.publish("update_subscription", reload(event));
  letGo();

  assertEquals((await page).payload, ["page"]);
  const { status, payload } = await client.next();
  assertEquals([status, payload], ["reload", ["fresh"]]);
});

Deno.test("[KAF3] a reload uses the session's own token, also after a renewal", async () => {
  await using wss = await startWss({ users: { old: "42", new: "42" } });
  await using client = await wss.connect("/web", { token: "old" });
  const { event } = await client.request("getMyNotifications", LIST);
  await client.request("authentication", { authToken: "new", update: true });

  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  await client.next();

  assertEquals(wss.backend.calls.at(-1)?.authorization, "new");
});

Deno.test("[KAF3] sessions share a reload if the request is the same", async () => {
  await using wss = await startWss();
  const clients = [];
  for (let i = 0; i < 20; i++) {
    clients.push(await wss.connect("/mobile"));
    await clients[i]?.request("getSchedules", SCHEDULE);
  }
  wss.backend.forget();

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  for (const client of clients) assertEquals((await client.next()).status, "reload");

  assertEquals(wss.backend.calls.length, 1);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

Deno.test("[KAF3] if the same reload is already waiting, it does not run twice", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  await client.request("getSchedules", SCHEDULE);
  const release = wss.backend.hold("GET /schedule");
  wss.backend.forget();
  const reload = () =>
    wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });

  const first = reload();
  const letGo = await release();
  reload();
  reload();
  const last = reload();
  letGo();
  (await release())();

  assertEquals([(await client.next()).id, (await client.next()).id], [first, last]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(wss.backend.calls.length, 2);
});

Deno.test("[KAF3] at most RELOAD_CONCURRENCY reloads run at once", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: 2 } });
  await using client = await wss.connect("/mobile", { token: "alice" });
  for (let to = 2; to < 7; to++) {
    await client.request("getSchedules", { where: { ...SCHEDULE.where, to } });
  }
  const release = wss.backend.hold("GET /schedule");
  wss.backend.forget();

  wss.publish("update_subscription", { resource: "schedule", options: { reload: true } });
  const held = [await release(), await release()];
  for (let done = 1; done <= 5; done++) {
    // The next call can only come after one of those under way was answered.
    assertEquals(wss.backend.calls.length, Math.min(5, done + 1));
    held.shift()?.();
    assertEquals((await client.next()).status, "reload");
    if (done < 4) held.push(await release());
  }
  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("a client keeps its list if a reload fails, and pushes go on", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification", () => new Response(null, { status: 500 }));

  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();
  wss.publish("notification", { userId: "42", type: "a", data: "held back" });
  letGo();

  const push = await client.next();
  assertEquals([push.status, push.payload], ["update", "held back"]);
});

Deno.test("[KAF3] if the session logs in as another user during a reload, no user gets the reload", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  wss.publish("update_subscription", reload(event));
  const letGo = await release();

  await client.request("authentication", { authToken: "bob" });
  letGo();
  wss.backend.reset("GET /notification");
  const { event: bobs } = await client.request("getMyNotifications", LIST);
  wss.publish("notification", { userId: "43", type: "a", data: "bob's" });

  const { event: pushed, status, payload } = await client.next();
  assertEquals({ pushed, status, payload }, { pushed: bobs, status: "update", payload: "bob's" });
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("[NET5][DEL11] if a reload fails, a client without wss.v1 gets one later", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /notification", () => {
    wss.backend.reset("GET /notification");
    return new Response(null, { status: 500 });
  });

  wss.publish("update_subscription", reload(event));
  wss.publish("notification", push("needs not wait"));

  assertEquals((await client.next()).payload, "needs not wait");
  clock.tick(7500);
  const { event: reloaded, status, payload } = await client.next();
  assertEquals({ reloaded, status, payload }, {
    reloaded: event,
    status: "reload",
    payload: [{ id: "n1" }],
  });
});

Deno.test("[DEL12] a loss while a list is under way is announced after the list", async () => {
  const { createReader, lose } = createLosingReader();
  await using wss = await startWss({ createReader });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  const release = wss.backend.hold("GET /notification");
  const rid = client.ask("getMyNotifications", LIST);
  const letGo = await release();

  lose();
  letGo();

  assertEquals((await client.next()).rid, rid);
  const { status, payload } = await client.next();
  assertEquals([status, payload], ["resync", { missed: null }]);
});

Deno.test("[NET5][DEL12] a loss is a reload for a client without wss.v1", async () => {
  const { createReader, lose } = createLosingReader();
  await using wss = await startWss({ createReader });
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);

  lose();

  const { event: reloaded, status, payload, id } = await client.next();
  assertEquals({ reloaded, status, payload, id }, {
    reloaded: event,
    status: "reload",
    payload: [{ id: "n1" }],
    id: undefined,
  });
});

Deno.test("[KAF3] a waiting reload uses the renewed token", async () => {
  const users = { alice: "42", bob: "43", newer: "42" };
  await using wss = await startWss({ users, settings: { RELOAD_CONCURRENCY: 1 } });
  await using client = await wss.connect("/web", { token: "alice" });
  await using bob = await wss.connect("/web", { token: "bob" });
  const { event } = await client.request("getMyNotifications", LIST);
  const { event: bobs } = await bob.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  wss.publish("update_subscription", reload(bobs));
  const letGo = await release();
  wss.publish("update_subscription", reload(event));

  await client.request("authentication", { authToken: "newer", update: true });
  wss.backend.forget();
  letGo();

  assertEquals((await wss.backend.nextCall()).authorization, "newer");
  (await release())();
  assertEquals((await client.next()).status, "reload");
});

Deno.test("[DEL11] a list cancels the retry of a reload", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /notification", () => new Response(null, { status: 500 }));
  wss.publish("update_subscription", reload(event));
  wss.publish("notification", push("after"));
  assertEquals((await client.next()).payload, "after");
  assertEquals(wss.service.reloads.size, 1);

  wss.backend.reset("GET /notification");
  await client.request("getMyNotifications", LIST);

  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("[DEL12][NET5] a loss cancels the retry of a reload", async () => {
  const { createReader, lose, log } = createLosingReader();
  await using wss = await startWss({ log, createReader });
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /notification", () => new Response(null, { status: 500 }));
  wss.publish("update_subscription", reload(event));
  await untilTriedAgain(wss);
  wss.publish("notification", push("before"));
  assertEquals((await client.next()).payload, "before");

  wss.backend.reset("GET /notification");
  lose();
  assertEquals((await client.next()).status, "reload");
  const { size } = wss.service.reloads;
  wss.publish("notification", push("after"));

  assertEquals(size, 0);
  assertEquals((await client.next()).payload, "after");
});

for (const what of ["a failed reload", "lost records"]) {
  Deno.test(`[DEL3][DEL6] a client that still needs a list for ${what} gets no cursor behind it`, async () => {
    const { createReader, lose, log } = createLosingReader();
    await using wss = await startWss({ log, createReader });
    await using client = await wss.connect("/web", { token: "alice" });
    const { event } = await client.request("getMyNotifications", LIST);
    wss.publish("notification", push("before"));
    const before = await client.next();
    wss.backend.on("GET /notification", () => new Response(null, { status: 500 }));
    if (what === "lost records") lose();
    else wss.publish("update_subscription", reload(event));
    await untilTriedAgain(wss);
    wss.publish("notification", push(1));
    wss.publish("notification", push(2));
    const pushes = [await client.next(), await client.next()];

    wss.backend.reset("GET /notification");
    await using resumed = await wss.connect("/web", { token: "alice" });
    const outcomes = [];
    for (const { cursor } of [before, ...pushes]) {
      const reply = await resumed.request("getMyNotifications", { ...LIST, since: cursor });
      outcomes.push([reply.recovered, reply.payload]);
      await resumed.request("subscription", { ids: [event], action: "unsubscribe" });
    }
    assertEquals(pushes.map(({ payload }) => payload), [1, 2]);
    assertEquals(outcomes, Array.from({ length: 3 }, () => [false, [{ id: "n1" }]]));

    // Once the client has the list, cursors are those of the pushes again.
    if (what === "lost records") {
      for (const { subscriptions } of wss.service.sessions) {
        for (const subscription of subscriptions) subscription.reloadByItself();
      }
      assertEquals((await client.next()).status, "reload");
    } else {
      await client.request("getMyNotifications", LIST);
    }
    wss.publish("notification", push(3));
    const { cursor } = await client.next();
    const reply = await resumed.request("getMyNotifications", { ...LIST, since: cursor });
    assertEquals([reply.recovered, reply.payload], [true, null]);
  });
}

/** Waits until a reload has failed and will be tried again. */
function untilTriedAgain({ service: { reloads, sessions } }: Wss): Promise<void> {
  return until(
    "the reload will be tried again",
    () => reloads.size === 1 && [...sessions].every(({ isLive }) => isLive),
  );
}

/** Reads a log that can lose records. */
function createLosingReader() {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  let next = 0;
  let lost = 0;
  return {
    log,
    createReader: () =>
      createChangedReader(log, (given) => {
        events = given;
        const onRecord: LogEvents["onRecord"] = (record) => {
          const offset = record.offset + lost;
          next = offset + 1;
          return given.onRecord({ ...record, offset });
        };
        return { ...given, onRecord };
      }),
    /** Removes the next seven records before they are read. */
    lose() {
      lost += 7;
      next += 7;
      events?.onLost(0, next);
    },
  };
}
