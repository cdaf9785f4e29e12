import { assert, assertEquals } from "@std/assert";
import { SlicedQueue } from "../../src/util/time_slice.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

/** Resolves when the services of this process have received so many frames that are not small. */
function largeFrames(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { add } = SlicedQueue.prototype;
  SlicedQueue.prototype.add = function (...args) {
    if (--count === 0) {
      SlicedQueue.prototype.add = add;
      resolve();
    }
    return add.apply(this, args);
  };
  return promise;
}

Deno.test("[REQ1] a malformed request is invalid, and the error says where", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  for (
    const [request, rid, event, path] of [
      [{ command: "authentication", options: {} }, -1, "authentication", "rid"],
      [{ rid: 0, command: "authentication", options: {} }, -1, "authentication", "rid"],
      [{ rid: -1, command: "authentication", options: {} }, -1, "authentication", "rid"],
      [{ rid: 1.5, command: "authentication", options: {} }, -1, "authentication", "rid"],
      [{ rid: "1", command: "authentication", options: {} }, -1, "authentication", "rid"],
      [{ rid: 2 ** 53, command: "authentication", options: {} }, -1, "authentication", "rid"],
      [{ rid: 1, options: {} }, 1, "", "command"],
      [{ rid: 1, command: "", options: {} }, 1, "", "command"],
      [{ rid: 1, command: 7, options: {} }, 1, "", "command"],
      [{ rid: 1, command: "authentication" }, 1, "authentication", "options"],
      [{ rid: 1, command: "authentication", options: null }, 1, "authentication", "options"],
      [{ rid: 1, command: "authentication", options: [] }, 1, "authentication", "options"],
      [{ rid: 1, command: "authentication", options: "{}" }, 1, "authentication", "options"],
    ] as const
  ) {
    client.send(request);
    const reply = await client.next();
    assertEquals({ rid: reply.rid, event: reply.event, status: reply.status }, {
      rid,
      event,
      status: "error",
    });
    const [{ Slug, Path, Temporary }] = reply.payload.error;
    assertEquals({ Slug, Path, Temporary }, {
      Slug: "invalid-request",
      Path: path,
      Temporary: false,
    });
  }
});

Deno.test("[REQ1] a rid may be any safe integer from 1", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  for (const rid of [1, 2 ** 31, Number.MAX_SAFE_INTEGER, 1]) {
    client.send({ rid, command: "authentication", options: {} });
    assertEquals((await client.next()).rid, rid);
  }
});

Deno.test("[REQ2] each request gets exactly one reply with its rid, whatever the result", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const commands = [
    ["authentication", { authToken: "alice" }],
    ["authentication", { authToken: "nobody" }],
    ["getMyNotifications", LIST],
    ["getMyNotifications", {}],
    ["getTournament", { where: { id: "9" } }],
    ["nothing", {}],
    ["subscription", { ids: [], action: "unsubscribe" }],
  ];
  for (let rid = 1; rid <= 70; rid++) {
    const [command, options] = commands[rid % commands.length] ?? [];
    client.send({ rid, command, options });
  }
  const rids: number[] = [];
  while (rids.length < 70) rids.push((await client.next()).rid);
  assertEquals(rids.sort((a, b) => a - b), Array.from({ length: 70 }, (_, i) => i + 1));
  assertEquals(await client.pushesUntilIdle(), []);
});

Deno.test("[REQ3] a rid is refused while an earlier request with it is being answered, and may be used again later", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  const release = wss.backend.hold("GET /tournament");
  const request = { rid: 7, command: "getTournament", options: { where: { id: "1" } } };

  client.send(request);
  const letGo = await release();
  client.send(request);
  const refused = await client.next();
  letGo();
  const answered = await client.next();
  wss.backend.reset("GET /tournament");
  client.send(request);
  const again = await client.next();

  assertEquals(refused.payload.error[0].Slug, "duplicate-rid");
  assertEquals([refused.rid, refused.event], [7, "getTournament"]);
  assertEquals([answered.status, again.status], ["ok", "ok"]);
});

Deno.test("[REQ4] unknown keys are ignored, and null means that an optional key is absent", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });

  const reply = await client.request("getMyNotifications", {
    params: { limit: null, sort: null, other: 1 },
    where: { types: ["a"], more: {} },
    since: null,
    __proto__: null,
    extra: true,
  });
  client.send(
    '{"rid":99,"command":"authentication","options":{"authToken":null},"x":1,"__proto__":2}',
  );

  assertEquals(reply.status, "ok");
  assertEquals(wss.backend.calls.at(-1)?.url, "/notification?type=a");
  assertEquals((await client.reply(99)).status, "ok");
});

Deno.test("[REQ5] at most MAX_INFLIGHT commands run at the same time, the others wait in order", async () => {
  await using wss = await startWss({ settings: { MAX_INFLIGHT: 2 } });
  await using client = await wss.connect("/mobile");
  const release = wss.backend.hold("GET /tournament");
  for (const id of ["a", "b", "c"]) client.ask("getTournament", { where: { id } });

  const [first, second] = [await release(), await release()];
  assertEquals(wss.backend.calls.map(({ url }) => url), ["/tournament/a", "/tournament/b"]);
  second();
  const third = await release();
  assertEquals((await client.next()).rid, 2);
  assertEquals(wss.backend.calls.at(-1)?.url, "/tournament/c");
  first();
  third();
  assertEquals([(await client.next()).rid, (await client.next()).rid].sort(), [1, 3]);
});

Deno.test("[REQ5] more than MAX_WAITING waiting commands are refused as overloaded", async () => {
  await using wss = await startWss({ settings: { MAX_INFLIGHT: 1, MAX_WAITING: 2 } });
  await using client = await wss.connect("/mobile");
  const release = wss.backend.hold("GET /tournament");
  const ask = () => client.ask("getTournament", { where: { id: "1" } });

  ask();
  const letGo = await release();
  ask();
  ask();
  const refused = ask();
  const reply = await client.next();
  letGo();
  (await release())();
  (await release())();

  assertEquals([reply.rid, reply.payload.error[0].Slug], [refused, "overloaded"]);
  assertEquals(reply.payload.error[0].Temporary, true);
  for (const rid of [1, 2, 3]) assertEquals((await client.next()).rid, rid);
});

Deno.test("[REQ5] a client may send a list right after authentication, without waiting for the reply", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  const release = wss.backend.hold("GET /user", () => Response.json({ id: "42" }));

  const login = client.ask("authentication", { authToken: "alice" });
  const list = client.ask("getMyNotifications", LIST);
  const letGo = await release();
  assertEquals(wss.backend.calls.length, 1);
  letGo();

  assertEquals((await client.next()).rid, login);
  const reply = await client.next();
  assertEquals([reply.rid, reply.status], [list, "ok"]);
});

Deno.test("[REQ5][LIM6] large frames are parsed later, and no request overtakes them", async () => {
  await using wss = await startWss({ users: { alice: "42" } });
  await using client = await wss.connect("/web");
  await using other = await wss.connect("/web");
  const unused = "x".repeat(300_000);
  for (let i = 0; i < 3; i++) other.ask("subscription", { ids: [], action: "unsubscribe", unused });

  const login = client.ask("authentication", { authToken: "alice", unused });
  const list = client.ask("getMyNotifications", LIST);

  assertEquals((await client.reply(login)).status, "ok");
  assertEquals((await client.reply(list)).status, "ok");
});

Deno.test("[LIFE4] large frames that came before the shutdown are answered, though they are parsed later", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  const received = largeFrames(6);
  const unused = "x".repeat(300_000);
  const options = { ids: [], action: "unsubscribe", unused };
  const rids = Array.from({ length: 6 }, () => client.ask("subscription", options));
  await received;
  const stopped = wss.stop();

  for (const rid of rids) assertEquals((await client.reply(rid)).status, "ok");
  await stopped;
});

Deno.test("[REQ5] a barrier starts when all requests before it are answered, and later requests wait for it", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const releaseList = wss.backend.hold("GET /notification");
  const releaseUpdate = wss.backend.hold("PUT /notification");
  wss.backend.forget();
  const methods = () => wss.backend.calls.map(({ method }) => method);

  const list = client.ask("getMyNotifications", LIST);
  const update = client.ask("updateNotifications", {
    where: { notifications: [] },
    status: "read",
  });
  const count = client.ask("getMyNotificationsCount", { ...LIST, status: "unread" });
  const letListGo = await releaseList();
  assertEquals(methods(), ["GET"]);
  letListGo();
  assertEquals((await client.next()).rid, list);
  const letUpdateGo = await releaseUpdate();
  assertEquals(methods(), ["GET", "PUT"]);
  letUpdateGo();
  assertEquals((await client.next()).rid, update);
  (await releaseList())(Response.json({ total: 1 }));
  const reply = await client.next();
  assertEquals([reply.rid, reply.payload], [count, { total: 1 }]);
});

Deno.test("[REQ6] every reply has all four keys", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });

  client.send('{"rid":5,"command":"authentication","options":{}}');
  assertEquals(
    await client.nextText(),
    '{"rid":5,"event":"authentication","status":"ok","payload":null}',
  );
  client.send('{"rid":6,"command":"getMyNotifications","options":{"where":{"types":[]}}}');
  assertEquals(
    await client.nextText(),
    '{"rid":6,"event":"getMyNotifications","status":"unauthorized","payload":null}',
  );
  client.send("{}");
  assertEquals((await client.next()).event, "");
});

Deno.test("[REQ7] the status of a reply is ok, unauthorized, forbidden or error, of a push update or reload", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const list = () => client.request("getMyNotifications", LIST);

  const { status, event } = await list();
  assertEquals(status, "ok");
  wss.backend.on("GET /notification", () => new Response(null, { status: 401 }));
  assertEquals((await list()).status, "unauthorized");
  wss.backend.on("GET /notification", () => new Response(null, { status: 403 }));
  assertEquals((await list()).status, "forbidden");
  wss.backend.on("GET /notification", () => new Response(null, { status: 404 }));
  assertEquals((await list()).status, "error");
  wss.backend.reset("GET /notification");
  wss.publish("update_subscription", { subscriptions: [event] });
  assertEquals((await client.next()).status, "update");
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  assertEquals((await client.next()).status, "reload");
});

Deno.test("[ERR1] an error has a message, and one entry with its path for each problem", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });

  const { status, event, payload } = await client.request("getMyNotifications", {
    params: { limit: 1.5, sort: 5 },
    where: { types: "message" },
  });

  assertEquals([status, event], ["error", "getMyNotifications"]);
  assertEquals(payload, {
    message: payload.error.map((entry: { Message: string }) => entry.Message).join("; "),
    error: [
      {
        Slug: "invalid-options",
        Message: "Cannot take 1.5 as options.params.limit: expected int",
        Temporary: false,
        Path: "options.params.limit",
      },
      {
        Slug: "invalid-options",
        Message: "Cannot take 5 as options.params.sort: expected string",
        Temporary: false,
        Path: "options.params.sort",
      },
      {
        Slug: "invalid-options",
        Message: 'Cannot take "message" as options.where.types: expected array',
        Temporary: false,
        Path: "options.where.types",
      },
    ],
  });
});

Deno.test("[ERR2] errors have the table's slugs, and say as the table does whether to try again", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const failing = async (respond: () => Response) => {
    wss.backend.on("GET /notification", respond);
    const { payload } = await client.request("getMyNotifications", LIST);
    const [{ Slug, Temporary }] = payload.error;
    return [Slug, Temporary];
  };
  const refused = async (command: string, options: unknown) => {
    const { payload } = await client.request(command, options);
    return [payload.error[0].Slug, payload.error[0].Temporary];
  };

  assertEquals(await refused("nothing", {}), ["unsupported-command", false]);
  assertEquals(await refused("getMyNotifications", {}), ["invalid-options", false]);
  assertEquals(await refused("authentication", { authToken: "bob", update: true }), [
    "invalid-token",
    false,
  ]);
  assertEquals(await failing(() => new Response(null, { status: 500 })), [
    "backend-unavailable",
    true,
  ]);
  assertEquals(await failing(() => new Response("<html>")), ["backend-invalid", true]);
  assertEquals(await failing(() => new Response(null, { status: 302 })), [
    "backend-refused",
    false,
  ]);
});

Deno.test("[ERR3] no error shows a token, a stack or a backend's address", async () => {
  await using wss = await startWss({ settings: { BACKEND_TIMEOUT_MS: 300 } });
  await using client = await wss.connect("/mobile");
  const texts: string[] = [];
  const say = async (frame: unknown) => {
    client.send(frame);
    texts.push(await client.nextText());
  };
  const secret = "s3cr3t";

  await say({ rid: 1, command: "authentication", options: { authToken: `${secret}\n` } });
  await say({ rid: 2, command: "authentication", options: { authToken: [secret] } });
  await say({ rid: 3, command: "authentication", options: { authToken: secret, update: "yes" } });
  wss.backend.on("GET /user", () => new Response("<html>"));
  await say({ rid: 4, command: "authentication", options: { authToken: secret } });
  wss.backend.on("GET /user", () => Response.json({ name: "no id" }));
  await say({ rid: 5, command: "authentication", options: { authToken: secret } });
  wss.backend.on("GET /user", () => new Response(null, { status: 503 }));
  await say({ rid: 6, command: "authentication", options: { authToken: secret } });
  wss.backend.on("GET /user", () => new Promise(() => {}));
  await say({ rid: 7, command: "authentication", options: { authToken: secret } });

  assertEquals(texts.length, 7);
  for (const text of texts) {
    assert(text.includes('"status":"error"'), text);
    assert(!/s3cr3t|127\.0\.0\.1|http:|\/user|\.ts\b|\bat /.test(text), text);
  }
});
