import { assertEquals } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

Deno.test("[LIST1] the list's URL has the given options, without those that are absent, 0 or empty", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (
    const [options, url] of [
      [LIST, "/notification"],
      [{ where: { types: ["a", "b c", "&"] } }, "/notification?type=a&type=b+c&type=%26"],
      [{ params: {}, ...LIST }, "/notification"],
      [{ params: { limit: 0, skip: 0, sort: "" }, ...LIST }, "/notification"],
      [
        { params: { sort: "-id", skip: 20, limit: 10 }, where: { types: ["a"] } },
        "/notification?limit=10&skip=20&sort=-id&type=a",
      ],
    ] as const
  ) {
    const { status, payload } = await client.request("getMyNotifications", options);
    assertEquals([status, payload], ["ok", [{ id: "n1" }]]);
    assertEquals(wss.backend.calls.at(-1)?.url, url);
  }
});

Deno.test("[LIST1] options that the schema does not allow are refused", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  wss.backend.forget();
  for (
    const [options, path] of [
      [{}, "options.where"],
      [{ where: {} }, "options.where.types"],
      [{ where: { types: [1] } }, "options.where.types.0"],
      [{ ...LIST, params: { limit: 1.5 } }, "options.params.limit"],
      [{ ...LIST, params: { limit: 1e300 } }, "options.params.limit"],
      [{ ...LIST, params: { skip: "2" } }, "options.params.skip"],
      [{ ...LIST, params: [] }, "options.params"],
    ]
  ) {
    const { payload } = await client.request("getMyNotifications", options);
    assertEquals([payload.error[0].Slug, payload.error[0].Path], ["invalid-options", path]);
  }
  assertEquals(wss.backend.calls, []);
});

Deno.test("[LIST2] a list that is ok subscribes the session, and its event is the subscription's id", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });

  const { event } = await client.request("getMyNotifications", { where: { types: ["message"] } });
  wss.publish("notification", { userId: "42", type: "other", data: 1 });
  wss.publish("notification", { userId: "42", type: "message", data: 2 });

  assertEquals(event, "c3b9e00c33a9b4cda35df404d710d2c4");
  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ event, payload }) => [event, payload]), [[event, 2]]);
});

Deno.test("[LIST2] empty types mean all types", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);

  for (const type of ["a", "b", ""]) {
    wss.publish("notification", { userId: "42", type, data: type });
  }

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["a", "b", ""]);
});

Deno.test("[LIST2] lists for one subscription run one after another, for different ones side by side", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const release = wss.backend.hold("GET /notification");
  wss.backend.forget();
  const urls = () => wss.backend.calls.map(({ url }) => url);

  client.ask("getMyNotifications", { params: { limit: 1 }, ...LIST });
  client.ask("getMyNotifications", { params: { limit: 2 }, ...LIST });
  client.ask("getMyNotifications", { where: { types: ["a"] } });
  const [first, other] = [await release(), await release()];
  assertEquals(urls(), ["/notification?limit=1", "/notification?type=a"]);
  first();
  (await release())();
  other();

  assertEquals(urls().at(-1), "/notification?limit=2");
  for (let i = 0; i < 3; i++) assertEquals((await client.next()).status, "ok");
});

Deno.test("[LIST2] a list that fails undoes a new subscription", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (const http of [401, 403, 404, 500]) {
    wss.backend.on("GET /notification", () => {
      wss.publish("notification", { userId: "42", type: "a", data: "held back" });
      return new Response(null, { status: http });
    });
    const { event } = await client.request("getMyNotifications", LIST);
    wss.publish("notification", { userId: "42", type: "a", data: "later" });

    assertEquals(event, "getMyNotifications");
    assertEquals(await client.pushesUntilIdle(), []);
    assertEquals(wss.service.sessions.indexSizes().keys, 0);
  }
});

Deno.test("[LIST2] a list that fails does not change an existing subscription, and its held back pushes go out", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { event } = await client.request("getMyNotifications", { params: { limit: 5 }, ...LIST });
  wss.backend.on("GET /notification", () => {
    wss.publish("notification", { userId: "42", type: "a", data: "held back" });
    return new Response(null, { status: 500 });
  });

  const { status } = await client.request("getMyNotifications", { params: { limit: 9 }, ...LIST });
  assertEquals(status, "error");
  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["held back"]);
  wss.backend.reset("GET /notification");
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  assertEquals((await client.next()).status, "reload");
  assertEquals(wss.backend.calls.at(-1)?.url, "/notification?limit=5");
});

Deno.test("[LIST3] a guest gets unauthorized without a backend call", async () => {
  await using wss = await startWss();
  await using guest = await wss.connect("/web");
  for (
    const [command, options] of [
      ["getMyNotifications", LIST],
      ["getMyNotificationsCount", { ...LIST, status: "read" }],
      ["updateNotifications", { where: { notifications: [] }, status: "read" }],
    ] as const
  ) {
    const { event, status, payload } = await guest.request(command, options);
    assertEquals({ event, status, payload }, {
      event: command,
      status: "unauthorized",
      payload: null,
    });
  }
  assertEquals(wss.backend.calls, []);
});

Deno.test("[COUNT1] counts by type and status", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (
    const [types, status, url] of [
      [[], "unseen", "/notification?status=unseen"],
      [["a", "b"], "unread", "/notification?type=a&type=b&status=unread"],
      [["a"], "read", "/notification?type=a&status=read"],
    ]
  ) {
    const reply = await client.request("getMyNotificationsCount", { where: { types }, status });
    assertEquals([reply.event, reply.status], ["getMyNotificationsCount", "ok"]);
    assertEquals(reply.payload, { total: 3 });
    assertEquals(wss.backend.calls.at(-1)?.url, url);
  }
  const { payload } = await client.request("getMyNotificationsCount", { ...LIST, status: "new" });
  assertEquals(payload.error[0].Path, "options.status");
});

Deno.test("[COUNT1] a total counts in whatever case: the exact name first, else the last one", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (
    const [body, total] of [
      ['{"Total":3}', 3],
      ['{"TOTAL":4,"items":[]}', 4],
      ['{"Total":1,"total":5,"TOTAL":2}', 5],
      ['{"total":null,"Total":3}', 0],
      ['{"Total":1,"tOtAl":6}', 6],
      ['{"Total":null}', 0],
      ['{"subtotal":7}', 0],
    ] as const
  ) {
    wss.backend.on("GET /notification", () => new Response(body));
    const { payload } = await client.request("getMyNotificationsCount", {
      ...LIST,
      status: "read",
    });
    assertEquals(payload, { total }, body);
  }
  wss.backend.on("GET /notification", () => new Response('{"Total":"3"}'));
  const { payload } = await client.request("getMyNotificationsCount", { ...LIST, status: "read" });
  assertEquals(payload.error[0].Slug, "backend-invalid");
});

Deno.test("[COUNT1] an object without a total counts as 0, any other value is backend-invalid", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const count = async (body: string) => {
    wss.backend.on("GET /notification", () => new Response(body));
    return (await client.request("getMyNotificationsCount", { ...LIST, status: "read" })).payload;
  };
  for (const body of ["{}", '{"total":null}', '{"items":[]}']) {
    assertEquals(await count(body), { total: 0 }, body);
  }
  assertEquals(await count('{"total":7,"items":[1]}'), { total: 7 });
  for (const body of ["null", "[]", "3", '{"total":"3"}', '{"total":1.5}', "<html>", ""]) {
    assertEquals((await count(body)).error[0].Slug, "backend-invalid", body);
  }
});

Deno.test("[UPD1] ids and status are sent as JSON; empty ids are left out", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (
    const [notifications, status, body] of [
      [["n1", "n2"], "read", '{"ids":["n1","n2"],"status":"read"}'],
      [[], "unread", '{"status":"unread"}'],
    ]
  ) {
    const reply = await client.request("updateNotifications", { where: { notifications }, status });
    assertEquals([reply.status, reply.payload], ["ok", null]);
    const call = wss.backend.calls.at(-1);
    assertEquals({ method: call?.method, url: call?.url, body: call?.body }, {
      method: "PUT",
      url: "/notification",
      body,
    });
    assertEquals(call?.contentType, "application/json; charset=utf-8");
    assertEquals(call?.authorization, "alice");
  }
});

Deno.test("[UPD1] the body of an ok answer is ignored, the body of a refusal is passed on", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const update = (response: Response) => {
    wss.backend.on("PUT /notification", () => response);
    return client.request("updateNotifications", { where: { notifications: [] }, status: "read" });
  };
  for (const body of [null, "", "<html>", '{"updated":3}']) {
    const { status, payload } = await update(new Response(body));
    assertEquals([status, payload], ["ok", null]);
  }
  const refused = await update(Response.json({ message: "no such id" }, { status: 404 }));
  assertEquals([refused.status, refused.payload], ["error", { message: "no such id" }]);
});

Deno.test("[SUB1] after the reply, nothing is pushed for an ended subscription", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  const { event } = await alice.request("getMyNotifications", LIST);
  const other = await alice.request("getMyNotifications", { where: { types: ["message"] } });

  const { status, payload } = await alice.request("subscription", {
    ids: [event, "unknown", event],
    action: "unsubscribe",
  });
  wss.publish("notification", { userId: "42", type: "message", data: 1 });

  assertEquals([status, payload], ["ok", null]);
  assertEquals((await alice.pushesUntilIdle()).map(({ event }) => event), [other.event]);
});

Deno.test("[SUB1] a reload under way is not pushed after the reply either", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  const { event } = await alice.request("getMyNotifications", LIST);
  const release = wss.backend.hold("GET /notification");
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();

  await alice.request("subscription", { ids: [event], action: "unsubscribe" });
  letGo();

  assertEquals(await alice.pushesUntilIdle(), []);
  assertEquals(wss.service.reloads.size, 0);
});

Deno.test("[SUB1] the only action is unsubscribe", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  for (
    const options of [{ ids: [], action: "subscribe" }, { action: "unsubscribe" }, { ids: [1] }]
  ) {
    const { payload } = await client.request("subscription", options);
    assertEquals(payload.error[0].Slug, "invalid-options");
  }
});

Deno.test("[SCHED1] a guest lists a part of the schedule and is subscribed to it", async () => {
  await using wss = await startWss();
  await using guest = await wss.connect("/mobile");
  const where = {
    from: 1,
    to: 2,
    timezone: "Europe/Berlin",
    gameIds: ["a", 7],
    test: false,
    substage: { tiers: [1, 2] },
    tournament: { ids: ["x/y"] },
  };

  const { event, status, payload } = await guest.request("getSchedules", { where });
  wss.publish("update_subscription", { subscriptions: [event], data: 1 });
  wss.publish("update_subscription", { resource: "schedule", data: 2 });

  assertEquals([status, payload], ["ok", [{ id: "s1" }]]);
  assertEquals(
    wss.backend.calls.at(-1)?.url,
    "/schedule?from=1&to=2&tz=Europe%2FBerlin&game_id=a&game_id=7" +
      "&substage.tier=1&substage.tier=2&tournament.id=x%2Fy",
  );
  const pushes = await guest.pushesUntilIdle();
  assertEquals(pushes.map(({ event, payload }) => [event, payload]), [[event, 1], [event, 2]]);
});

Deno.test("[SCHED1] an invalid where of a schedule is refused", async () => {
  await using wss = await startWss();
  await using guest = await wss.connect("/mobile");
  for (
    const [where, path] of [
      [{ from: 0 }, "options.where.from"],
      [{ to: -1 }, "options.where.to"],
      [{ to: 1.5 }, "options.where.to"],
      [{ timezone: "" }, "options.where.timezone"],
      [{ gameIds: [{}] }, "options.where.gameIds.0"],
      [{ substage: { tiers: 1 } }, "options.where.substage.tiers"],
    ]
  ) {
    const { payload } = await guest.request("getSchedules", {
      where: { ...SCHEDULE.where, ...Object(where) },
    });
    assertEquals(payload.error[0].Path, path);
  }
  assertEquals(wss.backend.calls, []);
});

Deno.test("[TOUR1] a guest gets a tournament, and is subscribed to nothing", async () => {
  await using wss = await startWss();
  await using guest = await wss.connect("/mobile");

  const reply = await guest.request("getTournament", { where: { id: "spring" } });

  assertEquals(reply, {
    rid: 1,
    event: "getTournament",
    status: "ok",
    payload: { id: "spring" },
  });
  assertEquals(wss.service.sessions.indexSizes().keys, 0);
});

Deno.test("base URLs may have a query and a trailing slash", async () => {
  await using wss = await startWss();
  const settings = {
    API_URL_NOTIFICATION: new URL(`${wss.backend.origin}/notification?v=2`),
    API_URL_TOURNAMENT_MOBILE: new URL(`${wss.backend.origin}/tournament/`),
  };
  await using other = await startWss({ settings });
  await using client = await other.connect("/mobile", { token: "alice" });

  await client.request("getMyNotifications", { where: { types: ["a"] } });
  await client.request("getTournament", { where: { id: "1" } });

  assertEquals(wss.backend.calls.map(({ url }) => url), [
    "/notification?v=2&type=a",
    "/tournament/1",
  ]);
});
