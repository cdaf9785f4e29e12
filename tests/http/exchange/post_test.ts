import { assert, assertEquals } from "@std/assert";
import { ERRORS, type Slug } from "../../../src/protocol/errors.ts";
import { type ExchangeInit, post } from "../../_support/clients/event_client.ts";
import { exchange } from "../../_support/network/exchange.ts";
import { fakePerformance, fakeTimeouts } from "../../_support/clock.ts";
import { deadline, until } from "../../_support/queue.ts";
import { startWss, type Wss } from "../../_support/service/wss.ts";

const LIST = { command: "getMyNotifications", options: { where: { types: [] } } };
const COUNT = {
  command: "getMyNotificationsCount",
  options: { where: { types: [] }, status: "read" },
};
const TOURNAMENT = { command: "getTournament", options: { where: { id: "1" } } };
const ALICE = { token: "alice" };

/** Sends a POST to /mobile, and gives its HTTP status, its reply's status and its error's slug. */
async function ask(wss: Wss, request: unknown, init: ExchangeInit = ALICE) {
  const { status, reply, headers } = await post(`${wss.http}/mobile`, request, init);
  return {
    http: status,
    status: reply.status,
    slug: reply.payload?.error?.[0]?.Slug,
    retryAfter: headers.get("retry-after"),
  };
}

Deno.test("[HTTP1] a POST answers its request as a socket does, and subscribes nothing", async () => {
  await using wss = await startWss();
  await using socket = await wss.connect("/web", ALICE);
  const requests = [
    LIST,
    COUNT,
    {
      command: "updateNotifications",
      options: { where: { notifications: ["1"] }, status: "read" },
    },
  ];
  for (const { command, options } of requests) {
    const overSocket = await socket.request(command, options);
    const { status, headers, reply } = await post(`${wss.http}/web`, { command, options }, ALICE);
    assertEquals([status, headers.get("content-type")], [200, "application/json"]);
    // A cursor names its time, too.
    const frames = [reply, overSocket].map(({ cursor, ...frame }) => ({
      ...frame,
      rid: -1,
      hasCursor: cursor !== undefined,
    }));
    assertEquals(frames[0], frames[1], command);
  }
  await until("its sessions are gone", () => wss.service.sessions.size === 1);
  assertEquals(wss.service.sessions.indexSizes(), { keys: 2, users: 1 });
});

Deno.test("[HTTP1] a rid comes back, and may be left out or null", async () => {
  await using wss = await startWss();
  for (const [rid, expected] of [[7, 7], [undefined, -1], [null, -1]] as const) {
    const { reply } = await post(`${wss.http}/mobile`, { ...TOURNAMENT, rid });
    assertEquals([reply.rid, reply.event, reply.status], [expected, "getTournament", "ok"]);
  }
  const { status, reply } = await post(`${wss.http}/mobile`, { ...TOURNAMENT, rid: 0 });
  assertEquals([status, reply.payload.error[0].Path], [400, "rid"]);
});

Deno.test("[HTTP1] with a cursor, a POST answers the list, as the pushes could not follow", async () => {
  await using wss = await startWss();
  const { reply: first } = await post(`${wss.http}/web`, LIST, ALICE);
  wss.publish("notification", { userId: "42", type: "a" });

  const options = { ...LIST.options, since: first.cursor };
  const { reply } = await post(`${wss.http}/web`, { ...LIST, options }, ALICE);

  assertEquals([reply.recovered, reply.payload], [false, [{ id: "n1" }]]);
});

Deno.test("[HTTP1] each status and each error has its HTTP status", async () => {
  await using wss = await startWss({
    settings: { BACKEND_TIMEOUT_MS: 300, MAX_SESSION_BYTES: 300 },
  });
  const { backend } = wss;
  const seen = new Map<string | undefined, number>();
  const expectError = async (request: unknown, slug: Slug, init?: ExchangeInit) => {
    const answer = await ask(wss, request, init);
    assertEquals([answer.status, answer.slug, answer.http], [
      "error",
      slug,
      ERRORS[slug].httpStatus,
    ]);
    seen.set(slug, answer.http);
    return answer;
  };
  const withList = async (answer: Response, slug: Slug) => {
    backend.on("GET /notification", () => answer.clone());
    return await expectError(LIST, slug);
  };

  await expectError("{", "invalid-json");
  await expectError("[]", "invalid-request");
  await expectError({ command: 1 }, "invalid-request");
  await expectError({ command: "nothing", options: {} }, "unsupported-command");
  for (const command of ["authentication", "subscription"]) {
    const options = { ids: [], action: "unsubscribe" };
    await expectError({ command, options }, "unsupported-command");
  }
  await expectError({ ...LIST, options: {} }, "invalid-options");
  const types = Array.from({ length: 20 }, (_, i) => `a type with a long name ${i}`);
  await expectError({ ...LIST, options: { where: { types } } }, "too-many-subscriptions");
  assertEquals(
    (await withList(
      new Response(null, { status: 429, headers: { "retry-after": "7" } }),
      "backend-unavailable",
    )).retryAfter,
    "7",
  );
  await withList(new Response("<html>"), "backend-invalid");
  await withList(new Response("gone", { status: 410 }), "backend-refused");
  backend.hold("GET /notification");
  await expectError(LIST, "backend-timeout");

  backend.on("GET /notification", () => Response.json({ why: "no" }, { status: 401 }));
  assertEquals(await ask(wss, LIST), {
    http: 401,
    status: "unauthorized",
    slug: undefined,
    retryAfter: null,
  });
  backend.on("GET /notification", () => Response.json({ why: "no" }, { status: 403 }));
  assertEquals(await ask(wss, LIST), {
    http: 403,
    status: "forbidden",
    slug: undefined,
    retryAfter: null,
  });
  assertEquals((await ask(wss, LIST, {})).http, 401);
  for (const status of [400, 404, 409, 422]) {
    backend.on("GET /notification", () => Response.json({ why: status }, { status }));
    const { status: http, reply } = await post(`${wss.http}/web`, LIST, ALICE);
    assertEquals([http, reply.status, reply.payload], [status, "error", { why: status }]);
  }
  // The others are of requests side by side, of a renewed token, or have tests of their own.
  const others: Slug[] = [
    "duplicate-rid",
    "invalid-token",
    "rate-limited",
    "overloaded",
    "shutting-down",
    "internal",
  ];
  assertEquals([...seen.keys(), ...others].sort(), Object.keys(ERRORS).sort());
});

Deno.test("[HTTP1] a defect is 500", async () => {
  await using wss = await startWss();
  const { sessions } = wss.service;
  const open = sessions.open.bind(sessions);
  sessions.open = (options) => {
    const session = open(options);
    session.caller = () => {
      throw new Error("a defect");
    };
    return session;
  };
  const answer = await ask(wss, TOURNAMENT, {});
  assertEquals([answer.http, answer.slug], [500, "internal"]);
});

Deno.test("[HTTP1][LIM7] a request that the full pool refuses is 503", async () => {
  await using wss = await startWss({ settings: { REQUEST_POOL_SIZE: 1 } });
  const next = wss.backend.hold("GET /tournament");
  const asking = Array.from(
    { length: 4 },
    (_, id) => ask(wss, { ...TOURNAMENT, options: { where: { id } } }, {}),
  );
  const first = await next();
  const refused = await Promise.any(asking.map(async (answer) => {
    const { http, slug } = await answer;
    assertEquals([http, slug], [503, "overloaded"]);
  }));
  assertEquals(refused, undefined);
  wss.backend.reset("GET /tournament");
  first();
  const answers = await Promise.all(asking);
  assert(answers.some(({ http }) => http === 200));
});

Deno.test("[HTTP1] a body over MAX_MESSAGE_BYTES is 413, with and without its length", async () => {
  await using wss = await startWss({ settings: { MAX_MESSAGE_BYTES: 1000 } });
  const fitting = JSON.stringify(TOURNAMENT).padEnd(1000);
  assertEquals((await ask(wss, fitting)).http, 200);
  const { http, slug } = await ask(wss, `${fitting} `);
  assertEquals([http, slug], [413, "invalid-request"]);
  const response = await fetch(`${wss.http}/mobile`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: ReadableStream.from([new Uint8Array(600).fill(32), new Uint8Array(600).fill(32)]),
  });
  assertEquals([response.status, (await response.json()).payload.error[0].Slug], [
    413,
    "invalid-request",
  ]);
});

Deno.test("[HTTP1][LIM6] a body with more than 4,096 arrays and objects is 400", async () => {
  await using wss = await startWss();
  const x = Array(4096).fill([]);
  const { http, slug } = await ask(wss, { ...COUNT, options: { ...COUNT.options, x } });
  assertEquals([http, slug], [400, "invalid-request"]);
});

Deno.test("[HTTP1] a body that has not come within 30 s is 408, and gives its slot back", async () => {
  await using wss = await startWss();
  const { hostname, port } = new URL(wss.http);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  {
    using clock = fakeTimeouts();
    const head = [
      "POST /web HTTP/1.1",
      `host: ${hostname}`,
      "connection: close",
      "content-type: application/json",
      "content-length: 1000",
    ];
    await conn.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n{`));
    await until("it is awaited", () => wss.service.sessions.size === 1);
    clock.tick(29_900);
    assertEquals(wss.service.sessions.size, 1);
    clock.tick(100);
    const answer = new Uint8Array(2000);
    const bytes = await deadline("the answer", conn.read(answer));
    const text = new TextDecoder().decode(answer.subarray(0, bytes ?? 0));
    assert(text.startsWith("HTTP/1.1 408 ") && text.includes("invalid-request"), text);
  }
  await until("its slot is free", () => wss.service.connections === 0);
  assertEquals(wss.service.sessions.size, 0);
});

Deno.test("[HTTP1] another Content-Type than application/json is 415, and text that is not UTF-8 is 400", async () => {
  await using wss = await startWss();
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]) {
    const headers = { "content-type": type };
    assertEquals((await ask(wss, TOURNAMENT, { headers })).http, 415, type);
  }
  for (const type of ["application/json", "Application/JSON; charset=utf-8"]) {
    const headers = { "content-type": type };
    assertEquals((await ask(wss, TOURNAMENT, { headers })).http, 200, type);
  }
  const response = await fetch(`${wss.http}/mobile`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new Uint8Array([0x22, 0xff, 0x22]),
  });
  assertEquals([response.status, (await response.json()).payload.error[0].Slug], [
    400,
    "invalid-json",
  ]);
});

Deno.test("[HTTP1][NET4] the token comes as the header Authorization, and never from the URL", async () => {
  await using wss = await startWss();
  const bearer = "bearer.YWxpY2U";
  assertEquals((await post(`${wss.http}/web`, LIST, { token: "nobody" })).status, 401);
  for (
    const [path, headers] of [
      ["/web?token=alice&authorization=alice&authToken=alice&access_token=alice", {}],
      ["/web", { "sec-websocket-protocol": bearer }],
      ["/web", { authorization: "Basic YWxpY2U6eA==" }],
      ["/web", { cookie: "authorization=alice" }],
    ] as const
  ) {
    const { status, reply } = await post(wss.http + path, LIST, { headers });
    assertEquals([status, reply.event], [401, "getMyNotifications"], path);
  }
  wss.backend.on("GET /user", () => new Response(null, { status: 500 }));
  const { http, slug, retryAfter } = await ask(wss, LIST, { token: "bob" });
  assertEquals([http, slug, retryAfter], [503, "backend-unavailable", "5"]);
});

Deno.test("[HTTP1][NET4] with AUTH_REQUIRED, a POST without a token is 401", async () => {
  await using wss = await startWss({ settings: { AUTH_REQUIRED: true } });
  assertEquals((await ask(wss, TOURNAMENT, {})).http, 401);
  assertEquals((await ask(wss, TOURNAMENT)).http, 200);
  assertEquals(wss.backend.calls.filter(({ url }) => url.startsWith("/tournament")).length, 1);
});

Deno.test("[HTTP1][NET3] a full instance is 503 with Retry-After, and a POST takes its slot for itself only", async () => {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS: 1 } });
  for (let i = 0; i < 3; i++) {
    assertEquals((await ask(wss, TOURNAMENT)).http, 200);
    await until("its slot is free", () => wss.service.connections === 0);
  }
  await using _socket = await wss.connect("/web");
  const { http, slug, retryAfter } = await ask(wss, TOURNAMENT);
  assertEquals([http, slug, retryAfter], [503, "overloaded", "5"]);
});

Deno.test("[HTTP1][LIFE4] a POST under way is answered in a drain, a later one gets shutting-down", async () => {
  await using wss = await startWss();
  const next = wss.backend.hold("GET /tournament");
  const underWay = ask(wss, TOURNAMENT);
  const letGo = await next();

  const stopped = wss.stop();
  const late = await ask(wss, TOURNAMENT);
  letGo();

  assertEquals([late.http, late.slug, late.retryAfter], [503, "shutting-down", "5"]);
  assertEquals((await underWay).http, 200);
  await stopped;
});

Deno.test("[HTTP1][LIFE4] a POST that the backend does not answer in time is given up in a drain", async () => {
  await using wss = await startWss({ settings: { BACKEND_TIMEOUT_MS: 300 } });
  const next = wss.backend.hold("GET /tournament");
  const underWay = ask(wss, TOURNAMENT);
  await next();
  // Its timeout began earlier than the drain's.
  await wss.stop();
  const { http, slug } = await underWay;
  assert(http === 503 && slug === "shutting-down" || http === 504 && slug === "backend-timeout");
});

Deno.test("[HTTP1] the backend is not asked any more if the client hangs up", async () => {
  await using wss = await startWss();
  wss.backend.hold("GET /tournament");
  const abort = new AbortController();
  const asking = fetch(`${wss.http}/mobile`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(TOURNAMENT),
    signal: abort.signal,
  }).catch(() => null);
  const call = await wss.backend.nextCall();
  const over = call.over();
  abort.abort();
  await over;
  await asking;
  await until("its session is gone", () => wss.service.sessions.size === 0);
  await until("its slot is free", () => wss.service.connections === 0);
});

Deno.test("[HTTP1][AUTH6] a user who is logged out meanwhile gets nothing of the list", async () => {
  await using wss = await startWss();
  const next = wss.backend.hold("GET /notification");
  const asking = ask(wss, LIST);
  const letGo = await next();
  wss.publish("logout", { userId: "42" });
  await until("it is logged out", () => wss.service.sessions.ofUser("42").length === 0);
  letGo();
  assertEquals((await asking).http, 401);
});

Deno.test("[HTTP1] answers may not be kept or changed on their way", async () => {
  await using wss = await startWss();
  const { headers } = await post(`${wss.http}/web`, LIST, {
    ...ALICE,
    headers: { "accept-encoding": "gzip, br" },
  });
  assertEquals([headers.get("cache-control"), headers.get("content-encoding")], [
    "no-store, no-transform",
    null,
  ]);
});

Deno.test("[HTTP5][LIM2] POSTs are counted by user, and by address until the token is checked", async () => {
  await using wss = await startWss({
    users: { alice: "42", alice2: "42", bob: "43" },
    settings: { RATE_LIMIT: 5 },
  });
  using clock = fakePerformance();
  const burst = async (count: number, init: ExchangeInit) => {
    const answers = [];
    for (let i = 0; i < count; i++) answers.push(await ask(wss, COUNT, init));
    return answers.map(({ http }) => http);
  };
  const times = (count: number, http: number) => Array<number>(count).fill(http);

  assertEquals(await burst(12, {}), [...times(10, 401), ...times(2, 429)]);
  const { slug, retryAfter } = await ask(wss, COUNT, {});
  assertEquals([slug, retryAfter], ["rate-limited", "1"]);
  // The address is at its limit. So no token is checked for it.
  assertEquals(await burst(3, { token: "nobody" }), times(3, 429));
  assertEquals(wss.backend.calls.length, 0);

  clock.tick(1000);
  // Tokens that are refused count for the address, those that are a user's do not.
  assertEquals(await burst(2, { token: "nobody" }), times(2, 401));
  assertEquals(await burst(12, { token: "bob" }), [...times(10, 200), ...times(2, 429)]);
  assertEquals(await burst(6, ALICE), times(6, 200));
  assertEquals(await burst(6, { token: "alice2" }), [...times(4, 200), ...times(2, 429)]);
  assertEquals(await burst(4, {}), [...times(3, 401), 429]);
});

Deno.test("[HTTP5][LIM6] the bytes of POSTs count as well", async () => {
  await using wss = await startWss({
    settings: { RATE_LIMIT_BYTES: 1000, MAX_MESSAGE_BYTES: 8000 },
  });
  const large = JSON.stringify({ rid: 3, ...TOURNAMENT }).padEnd(5000);
  assertEquals((await ask(wss, large)).http, 200);
  const { status, headers, reply } = await post(`${wss.http}/mobile`, large, ALICE);
  assertEquals([status, reply.rid, reply.payload.error[0].Slug], [429, 3, "rate-limited"]);
  assert(Number(headers.get("retry-after")) >= 1);
});

Deno.test("[NET2][HTTP1] a method that no rule has is 405 and says which are allowed", async () => {
  await using wss = await startWss();
  for (const path of ["/web", "/mobile"]) {
    for (const method of ["PUT", "PATCH", "DELETE", "PROPFIND"]) {
      const { head } = await exchange(wss.http + path, method);
      assert(head.startsWith("HTTP/1.1 405 "), head);
      assert(/\r\nallow: GET, HEAD, POST, OPTIONS/i.test(head), head);
    }
  }
});
