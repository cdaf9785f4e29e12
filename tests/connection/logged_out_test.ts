import { assert, assertEquals } from "@std/assert";
import type { Client } from "../_support/clients/client.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { until } from "../_support/queue.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const COUNT = { ...LIST, status: "unseen" };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };
const V1 = { protocols: ["wss.v1"] };
const alices = (data: unknown) => ({ userId: "42", type: "a", data });

const logOut = (wss: Wss) => void wss.publish("logout", { userId: "42" });
const publishSchedule = (wss: Wss, data: unknown) =>
  void wss.publish("update_subscription", { resource: "schedule", data });

/** Waits until the service has taken everything that the client has sent. */
async function isTaken(client: Client): Promise<void> {
  await client.request("nothing");
}

/** What a backend may answer in the end. */
const ANSWERS: readonly (() => Response)[] = [
  () => Response.json([{ total: 1 }]),
  () => Response.json({ total: 1 }),
  () => new Response(null, { status: 401 }),
  () => new Response(null, { status: 403 }),
  () => Response.json({ why: "not found" }, { status: 404 }),
  () => new Response("<html>", { status: 404 }),
  () => new Response("<html>"),
  () => new Response(null, { status: 500 }),
];

/** How the user of a session may end without its client. */
const ENDS: Readonly<Record<string, (wss: Wss) => void>> = {
  "a logout message": logOut,
  "a 401": (wss) => wss.backend.on("GET /user", () => new Response(null, { status: 401 })),
  "a 403": (wss) => wss.backend.on("GET /user", () => new Response(null, { status: 403 })),
  "another user's id": (wss) => wss.backend.on("GET /user", () => Response.json({ id: "99" })),
};

for (const [what, end] of Object.entries(ENDS)) {
  Deno.test(`[AUTH6][KAF5] after ${what}, a client without wss.v1 is closed with 4401, whatever it has`, async () => {
    const requests: [string, unknown][][] = [
      [],
      [["getMyNotifications", LIST]],
      [["getSchedules", SCHEDULE]],
      [["getMyNotifications", LIST], ["getSchedules", SCHEDULE]],
    ];
    for (const subscribing of requests) {
      await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
      await using client = await wss.connect("/mobile", { token: "alice" });
      for (const [command, options] of subscribing) await client.request(command, options);

      end(wss);

      assertEquals(await client.ended, { code: 4401, reason: "Token refused" });
      await until("nothing is left", () => wss.service.connections === 0);
      const { sessions, revalidation } = wss.service;
      assertEquals([sessions.size, revalidation.size], [0, 0]);
      assertEquals(sessions.indexSizes(), { keys: 0, users: 0 });
    }
  });

  Deno.test(`[AUTH6][KAF5] after ${what}, a client with wss.v1 is told, and keeps its schedule as a guest`, async () => {
    for (const protocols of [["wss.v1"], ["wss.v1.batch"]]) {
      await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
      await using client = await wss.connect("/mobile", { protocols, token: "alice" });
      await client.request("getMyNotifications", LIST);
      const { event } = await client.request("getSchedules", SCHEDULE);

      end(wss);
      const told = await client.next();
      wss.publish("notification", alices("not hers any more"));
      publishSchedule(wss, "for all");

      assertEquals(told, {
        rid: -1,
        event: "authentication",
        status: "unauthorized",
        payload: null,
      });
      const pushes = await client.pushesUntilIdle();
      assertEquals(pushes.map(({ event, payload }) => [event, payload]), [[event, "for all"]]);
      assertEquals((await client.request("getMyNotifications", LIST)).status, "unauthorized");
    }
  });
}

Deno.test("[AUTH6] a client without wss.v1 that logs out itself, or logs in as another user, is not closed", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  for (
    const options of [{ authToken: "bob" }, {}, { authToken: "alice" }, { authToken: "alice" }]
  ) {
    assertEquals((await client.request("authentication", options)).status, "ok");
  }
  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
});

Deno.test("[KAF5] a logout closes no guest, and nobody of another user", async () => {
  await using wss = await startWss();
  await using guest = await wss.connect("/mobile");
  await using bob = await wss.connect("/mobile", { token: "bob" });
  await using former = await wss.connect("/mobile", { token: "alice" });
  await former.request("authentication");
  logOut(wss);
  for (const client of [guest, bob, former]) {
    assertEquals((await client.request("getSchedules", SCHEDULE)).status, "ok");
  }
});

Deno.test("[AUTH6] a client without wss.v1 gets the replies under way before it is closed, and later requests are refused", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  const release = {
    list: wss.backend.hold("GET /notification"),
    tournament: wss.backend.hold("GET /tournament"),
    update: wss.backend.hold("PUT /notification", () => new Response(null, { status: 204 })),
  };
  const list = client.ask("getMyNotifications", LIST);
  const letListGo = await release.list();
  const tournament = client.ask("getTournament", { where: { id: "1" } });
  const letTournamentGo = await release.tournament();
  const update = client.ask("updateNotifications", {
    where: { notifications: [] },
    status: "read",
  });
  await isTaken(client);

  logOut(wss);
  const later = client.ask("getTournament", { where: { id: "2" } });
  const { status, payload } = await client.reply(later);
  assertEquals([status, payload.error[0].Slug], ["error", "shutting-down"]);
  letListGo();
  assertEquals((await client.reply(list)).status, "unauthorized");
  letTournamentGo();
  assertEquals((await client.reply(tournament)).status, "ok");
  // It waited for the others, and so is a guest's.
  assertEquals((await client.reply(update)).status, "unauthorized");
  assertEquals((await client.ended).code, 4401);
  assertEquals(wss.backend.calls.filter(({ method }) => method === "PUT"), []);
});

Deno.test("[AUTH6][LIFE4] a client without wss.v1 is closed once, if the instance ends meanwhile", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  const release = wss.backend.hold("GET /tournament");
  const rid = client.ask("getTournament", { where: { id: "1" } });
  const letGo = await release();

  logOut(wss);
  const stopped = wss.stop();
  await until("the instance waits for it", () => !wss.service.isReady);
  letGo();

  assertEquals((await client.reply(rid)).status, "ok");
  assertEquals((await client.ended).code, 4401);
  await stopped;
});

Deno.test("[AUTH6] a client without wss.v1 that reads nothing is closed as well", async () => {
  await using wss = await startWss();
  using socket = await openRawSocket(`${wss.ws}/mobile`, { authorization: "alice" });
  const list = `["${"x".repeat(7 * 1024 ** 2)}"]`;
  wss.backend.on("GET /tournament", () => new Response(list));
  await socket.request({ rid: 1, command: "getTournament", options: { where: { id: "1" } } });
  await until("it is behind", () => wss.service.slowClients.size === 1);

  logOut(wss);

  await until("its session has ended", () => wss.service.sessions.size === 0);
});

for (const protocols of [[], ["wss.v1"]]) {
  const who = protocols.length === 0 ? "a client without wss.v1" : "a client with wss.v1";
  /** What comes after the last reply. */
  const isEnded = async (client: Client) => {
    if (protocols.length === 0) assertEquals((await client.ended).code, 4401);
    else assertEquals((await client.next()).event, "authentication");
  };

  Deno.test(`[AUTH6] lists and counts under way are unauthorized, whatever the backend answers: ${who}`, async () => {
    for (const answer of ANSWERS) {
      await using wss = await startWss();
      await using client = await wss.connect("/web", { protocols, token: "alice" });
      const { cursor } = await client.request("getMyNotifications", LIST);
      const release = wss.backend.hold("GET /notification", answer);
      const rids = [
        client.ask("getMyNotifications", LIST),
        client.ask("getMyNotifications", { where: { types: ["new"] } }),
        client.ask("getMyNotifications", { where: { types: ["new 2"] }, since: "too old" }),
        client.ask("getMyNotificationsCount", COUNT),
      ];
      // A second list of the same subscription waits for the first one.
      rids.push(client.ask("getMyNotifications", { ...LIST, since: cursor }));
      const held = [];
      for (let i = 0; i < 4; i++) held.push(await release());
      await isTaken(client);
      wss.publish("notification", alices("held back"));

      logOut(wss);
      for (const letGo of held) letGo();

      for (const rid of rids) {
        const { status, payload, cursor } = await client.reply(rid);
        assertEquals([status, payload, cursor], ["unauthorized", null, undefined]);
      }
      assertEquals(wss.service.sessions.indexSizes(), { keys: 0, users: 0 });
      wss.publish("notification", alices("later"));
      await isEnded(client);
      if (protocols.length > 0) assertEquals(await client.pushesUntilIdle(), []);
    }
  });

  Deno.test(`[AUTH6] an update under way runs to its end, and is answered as it came: ${who}`, async () => {
    for (
      const [http, body, status] of [
        [204, null, "ok"],
        [403, '{"why":"no"}', "forbidden"],
        [404, '{"why":"no"}', "error"],
        [500, null, "error"],
      ] as const
    ) {
      await using wss = await startWss();
      await using client = await wss.connect("/web", { protocols, token: "alice" });
      const release = wss.backend.hold(
        "PUT /notification",
        () => new Response(body, { status: http }),
      );
      const rid = client.ask("updateNotifications", {
        where: { notifications: ["1"] },
        status: "read",
      });
      const letGo = await release();

      logOut(wss);
      letGo();

      const reply = await client.reply(rid);
      assertEquals(reply.status, status);
      if (body !== null) assertEquals(reply.payload, JSON.parse(body));
      await isEnded(client);
    }
  });

  Deno.test(`[AUTH6] commands that wait run as a guest's: ${who}`, async () => {
    await using wss = await startWss({ settings: { MAX_INFLIGHT: 1 } });
    await using client = await wss.connect("/mobile", { protocols, token: "alice" });
    const release = wss.backend.hold("GET /notification");
    const list = client.ask("getMyNotifications", LIST);
    const letGo = await release();
    const waiting = {
      count: client.ask("getMyNotificationsCount", COUNT),
      update: client.ask("updateNotifications", { where: { notifications: [] }, status: "read" }),
      other: client.ask("getMyNotifications", { where: { types: ["a"] } }),
      schedule: client.ask("getSchedules", SCHEDULE),
      renewal: client.ask("authentication", { authToken: "alice", update: true }),
      login: client.ask("authentication", { authToken: "bob" }),
      bobs: client.ask("getMyNotifications", LIST),
    };
    await isTaken(client);
    wss.backend.forget();

    logOut(wss);
    wss.backend.reset("GET /notification");
    letGo();

    assertEquals((await client.reply(list)).status, "unauthorized");
    const statuses: Record<string, string> = {};
    for (const [name, rid] of Object.entries(waiting)) {
      statuses[name] = (await client.reply(rid)).status;
    }
    assertEquals(statuses, {
      count: "unauthorized",
      update: "unauthorized",
      other: "unauthorized",
      schedule: "ok",
      renewal: "error",
      login: "ok",
      bobs: "ok",
    });
    const calls = wss.backend.calls.map(({ method, url, authorization }) =>
      [method, url.replace(/\?.*/, ""), authorization].join(" ")
    );
    assertEquals(calls, [
      "GET /schedule ",
      "GET /user alice",
      "GET /user bob",
      "GET /notification bob",
    ]);
    await isEnded(client);
  });
}

Deno.test("[AUTH6] a schedule under way, its cursor, and what is held back for it are not touched", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
  const release = wss.backend.hold("GET /schedule", () => Response.json(["list"]));
  const rid = client.ask("getSchedules", SCHEDULE);
  const letGo = await release();
  publishSchedule(wss, "before");
  logOut(wss);
  publishSchedule(wss, "after");
  letGo();

  const { status, payload, event, cursor: since } = await client.reply(rid);
  assertEquals([status, payload, typeof since], ["ok", ["list"], "string"]);
  const pushes = (await client.pushesUntilIdle()).filter((push) => push.event === event);
  assertEquals(pushes.map(({ payload }) => payload), ["before", "after"]);
  // Nothing is missing after the cursor, on another connection.
  await using other = await wss.connect("/mobile", V1);
  assertEquals((await other.request("getSchedules", { ...SCHEDULE, since })).recovered, true);
  const again = await other.pushesUntilIdle();
  assertEquals(again.map(({ payload }) => payload), ["before", "after"]);
});

Deno.test("[AUTH6] a schedule under way that fails is undone, and one that was there stays", async () => {
  for (const isThere of [false, true]) {
    await using wss = await startWss();
    await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
    if (isThere) await client.request("getSchedules", SCHEDULE);
    const release = wss.backend.hold("GET /schedule", () => new Response(null, { status: 500 }));
    const rid = client.ask("getSchedules", SCHEDULE);
    const letGo = await release();
    publishSchedule(wss, "held back");
    logOut(wss);
    letGo();

    assertEquals((await client.reply(rid)).status, "error");
    const pushes = (await client.pushesUntilIdle()).filter(({ event }) =>
      event !== "authentication"
    );
    assertEquals(pushes.map(({ payload }) => payload), isThere ? ["held back"] : []);
    const [session] = wss.service.sessions;
    assertEquals(session?.subscriptionCount, isThere ? 1 : 0);
  }
});

Deno.test("[AUTH6][KAF3] reloads of notifications are dropped, and those of schedules go on", async () => {
  await using wss = await startWss({ settings: { RELOAD_CONCURRENCY: 2 } });
  await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
  const ids = [];
  for (const types of [[], ["a"]]) {
    ids.push((await client.request("getMyNotifications", { where: { types } })).event);
  }
  const { event } = await client.request("getSchedules", SCHEDULE);
  const release = {
    notifications: wss.backend.hold("GET /notification"),
    schedule: wss.backend.hold("GET /schedule", () => Response.json(["reloaded"])),
  };
  const reload = (id: string | undefined) =>
    wss.publish("update_subscription", { subscriptions: [id], options: { reload: true } });
  reload(ids[0]);
  const letGo = await release.notifications();
  reload(event);
  const letScheduleGo = await release.schedule();
  // It waits for the other two.
  reload(ids[1]);

  logOut(wss);
  assertEquals((await client.next()).event, "authentication");
  letGo();
  letScheduleGo();

  const { event: reloaded, status, payload } = await client.next();
  assertEquals([reloaded, status, payload], [event, "reload", ["reloaded"]]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("[AUTH6][DEL5] catching up of notifications is dropped, and that of a schedule goes on", async () => {
  await using wss = await startWss();
  await using first = await wss.connect("/mobile", { ...V1, token: "alice" });
  const { cursor: since } = await first.request("getMyNotifications", LIST);
  const { cursor } = await first.request("getSchedules", SCHEDULE);
  const count = 1000;
  for (let n = 0; n < count; n++) {
    wss.publish("notification", alices(n));
    publishSchedule(wss, n);
  }
  await using client = await wss.connect("/mobile", { ...V1, token: "alice" });
  const schedule = client.ask("getSchedules", { ...SCHEDULE, since: cursor });
  const list = client.ask("getMyNotifications", { ...LIST, since });
  const { event } = await client.reply(schedule);
  await client.reply(list);
  // Both take many turns of the event loop to catch up.
  logOut(wss);
  const pushes = [];
  while (pushes.at(-1)?.payload !== count - 1 || pushes.at(-1)?.event !== event) {
    pushes.push(await client.next());
  }
  pushes.push(...await client.pushesUntilIdle());

  const scheduled = pushes.filter((push) => push.event === event);
  assertEquals(scheduled.map(({ payload }) => payload), Array.from({ length: count }, (_, n) => n));
  const told = pushes.findIndex((push) => push.event === "authentication");
  const others = pushes.filter((push) => push.event !== event);
  assertEquals(others.at(-1), pushes[told]);
  assert(others.length < count, `${others.length} pushes`);
});
