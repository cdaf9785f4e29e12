import { assertEquals } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

Deno.test("[AUTH1] a token logs in, and the payload is the backend's body", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  wss.backend.on("GET /user", () => Response.json({ id: "42", name: "Alice", roles: ["x"] }));

  const reply = await client.request("authentication", { authToken: "alice" });

  assertEquals(reply, {
    rid: 1,
    event: "authentication",
    status: "ok",
    payload: { id: "42", name: "Alice", roles: ["x"] },
  });
  assertEquals(wss.backend.calls.map(({ authorization }) => authorization), ["alice"]);
});

Deno.test("[AUTH1] if the same user logs in again, all subscriptions stay, and go on with the new token", async () => {
  const users = { old: "42", new: 42, newer: "42" };
  const settings = { RELOAD_CONCURRENCY: 1, AUTH_CACHE_SECONDS: 0 };
  await using wss = await startWss({ users, settings });
  for (const protocols of [[], ["wss.v1"]]) {
    await using client = await wss.connect("/mobile", { protocols, token: "old" });
    const all = await client.request("getMyNotifications", LIST);
    const some = await client.request("getMyNotifications", { where: { types: ["a"] } });
    const schedule = await client.request("getSchedules", SCHEDULE);
    const release = wss.backend.hold("GET /notification");
    const reload = ({ event }: { event: string }) =>
      wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
    // The first reload runs, and the second one waits for it.
    reload(all);
    const letGo = await release();
    reload(some);
    wss.backend.forget();

    assertEquals((await client.request("authentication", { authToken: "new" })).status, "ok");
    letGo();
    (await release())();
    for (const { event } of [all, some]) {
      const { event: reloaded, status } = await client.next();
      assertEquals([reloaded, status], [event, "reload"]);
    }
    assertEquals(wss.backend.calls.map(({ url, authorization }) => [url, authorization]), [
      ["/user", "new"],
      ["/notification?type=a", "new"],
    ]);
    wss.publish("notification", { userId: "42", type: "a", data: 1 });
    wss.publish("update_subscription", { resource: "schedule", data: 2 });
    const pushes = await client.pushesUntilIdle();
    assertEquals(
      pushes.map(({ event, payload }) => [event, payload]).sort(),
      [[all.event, 1], [some.event, 1], [schedule.event, 2]].sort(),
    );
    wss.backend.reset("GET /notification");
    await client.request("authentication", { authToken: "newer" });
    await client.request("getMyNotificationsCount", { ...LIST, status: "read" });
    assertEquals(wss.backend.calls.at(-1)?.authorization, "newer");
  }
});

Deno.test("[AUTH1][AUTH2] only subscriptions of the user end with the user: those to the schedule stay", async () => {
  await using wss = await startWss();
  for (const protocols of [[], ["wss.v1"]]) {
    await using client = await wss.connect("/mobile", { protocols });
    const schedule = await client.request("getSchedules", SCHEDULE);
    const subscriptions = new Map([[schedule.event, "schedule"]]);
    // From a guest on, and back.
    for (const token of ["alice", "bob", "alice", "", "bob", ""]) {
      const { status } = await client.request("authentication", { authToken: token });
      assertEquals(status, "ok");
      wss.publish("notification", { userId: "42", type: "a", data: "alice" });
      wss.publish("notification", { userId: "43", type: "a", data: "bob" });
      wss.publish("update_subscription", { resource: "schedule", data: "schedule" });
      wss.publish("update_subscription", { subscriptions: [...subscriptions.keys()] });

      const before = await client.pushesUntilIdle();
      assertEquals(before.map(({ event, payload }) => [event, payload]), [
        [schedule.event, "schedule"],
        [schedule.event, null],
      ]);
      assertEquals(wss.service.sessions.indexSizes().users, token === "" ? 0 : 1);

      if (token === "") continue;
      const { event } = await client.request("getMyNotifications", LIST);
      subscriptions.set(event, token);
      for (const userId of ["42", "43"]) {
        wss.publish("notification", { userId, type: "a", data: userId === "42" ? "alice" : "bob" });
      }
      const after = await client.pushesUntilIdle();
      assertEquals(after.map(({ event, payload }) => [event, payload]), [[event, token]]);
    }
  }
});

Deno.test("[AUTH1] a login that does not succeed ends nothing", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  const events = [
    (await client.request("getMyNotifications", LIST)).event,
    (await client.request("getSchedules", SCHEDULE)).event,
  ];
  for (const status of [401, 404, 302, 500]) {
    wss.backend.on("GET /user", () => new Response(null, { status }));
    await client.request("authentication", { authToken: `bob ${status}` });
    wss.publish("update_subscription", { subscriptions: events });
    const pushes = await client.pushesUntilIdle();
    assertEquals(pushes.map(({ event }) => event).sort(), events.toSorted());
  }
});

Deno.test("[AUTH1][DEL2] after a guest's login, a reload and pushes of the schedule are where they were", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { protocols: ["wss.v1"] });
  const { event } = await client.request("getSchedules", SCHEDULE);
  const release = wss.backend.hold("GET /schedule", () => Response.json(["reloaded"]));
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  const letGo = await release();
  wss.publish("update_subscription", { resource: "schedule", data: "held back" });

  await client.request("authentication", { authToken: "alice" });
  await client.request("authentication", { authToken: "bob" });
  await client.request("authentication");
  letGo();

  const reload = await client.next();
  const update = await client.next();
  assertEquals([reload.status, reload.payload], ["reload", ["reloaded"]]);
  assertEquals([update.status, update.payload], ["update", "held back"]);
});

Deno.test("[AUTH1] after a change of user, the session gets only the new user's pushes", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await client.request("authentication", { authToken: "bob" });
  const { event } = await client.request("getMyNotifications", LIST);

  wss.publish("notification", { userId: "42", type: "a", data: "alice's" });
  wss.publish("notification", { userId: "43", type: "a", data: "bob's" });

  const pushes = await client.pushesUntilIdle();
  assertEquals(pushes.map(({ event, payload }) => [event, payload]), [[event, "bob's"]]);
});

Deno.test("[AUTH2] without a token the session becomes a guest", async () => {
  await using wss = await startWss();
  for (const options of [{}, { authToken: "" }, { authToken: null }, { update: false }]) {
    await using client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", LIST);

    const reply = await client.request("authentication", options);
    wss.publish("notification", { userId: "42", type: "a" });

    assertEquals([reply.status, reply.payload], ["ok", null]);
    assertEquals(await client.pushesUntilIdle(), []);
    assertEquals((await client.request("getMyNotifications", LIST)).status, "unauthorized");
  }
});

Deno.test("[AUTH2] update without a token is refused", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  for (const options of [{ update: true }, { update: true, authToken: "" }]) {
    const { payload } = await client.request("authentication", options);
    assertEquals(payload.error[0].Slug, "invalid-options");
    assertEquals(payload.error[0].Path, "options.authToken");
  }
  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
});

Deno.test("[AUTH3] any status except ok is passed on, and does not change the session", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  for (
    const [http, status] of [[401, "unauthorized"], [403, "forbidden"], [404, "error"], [
      500,
      "error",
    ]] as const
  ) {
    for (const update of [true, false]) {
      wss.backend.on("GET /user", () => Response.json({ http }, { status: http }));
      const reply = await client.request("authentication", { authToken: "bob", update });
      assertEquals(reply.status, status);
      if (http !== 500) assertEquals(reply.payload, { http });
    }
  }
  wss.publish("notification", { userId: "42", type: "a", data: "still Alice" });
  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["still Alice"]);
});

Deno.test("[AUTH4] an update renews the token and keeps the subscriptions", async () => {
  await using wss = await startWss({ users: { old: "42", new: 42, bob: "43" } });
  await using client = await wss.connect("/web", { token: "old" });
  await client.request("getMyNotifications", LIST);

  const reply = await client.request("authentication", { authToken: "new", update: true });
  wss.publish("notification", { userId: "42", type: "a", data: 1 });
  const push = await client.next();
  await client.request("getMyNotificationsCount", { ...LIST, status: "read" });

  assertEquals({ status: reply.status, id: reply.payload.id, payload: push.payload }, {
    status: "ok",
    id: 42,
    payload: 1,
  });
  assertEquals(wss.backend.calls.at(-1)?.authorization, "new");
});

Deno.test("[AUTH4] an update with another user's token, or by a guest, is refused", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await using guest = await wss.connect("/web");
  for (const session of [client, guest]) {
    const { status, payload } = await session.request("authentication", {
      authToken: "bob",
      update: true,
    });
    assertEquals([status, payload.message], ["error", "Invalid access token"]);
    assertEquals(payload.error[0].Slug, "invalid-token");
  }
  await client.request("getMyNotifications", LIST);
  assertEquals(wss.backend.calls.at(-1)?.authorization, "alice");
});

Deno.test("[AUTH5] a user's id is a non-empty string or a safe integer, written in decimal", async () => {
  await using wss = await startWss({ settings: { AUTH_CACHE_SECONDS: 0 } });
  for (const id of ["42", 42, 0, Number.MAX_SAFE_INTEGER]) {
    wss.backend.on("GET /user", () => Response.json({ id }));
    await using client = await wss.connect("/web", { token: "any" });
    await client.request("getMyNotifications", LIST);
    wss.publish("notification", { userId: String(id), type: "a", data: id });
    assertEquals((await client.next()).payload, id);
  }
  await using client = await wss.connect("/web");
  const bodies = ['{"id":""}', '{"id":null}', '{"id":1.5}', '{"id":9007199254740993}', '{"id":{}}'];
  for (const body of [...bodies, '{"Id":"42"}', '{"ID":42}', "{}", "null", "[]", '"42"', "42"]) {
    wss.backend.on("GET /user", () => new Response(body));
    const { payload } = await client.request("authentication", { authToken: "any" });
    assertEquals(payload.error[0].Slug, "backend-invalid", body);
  }
});
