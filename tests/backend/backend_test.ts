import { assertEquals } from "@std/assert";
import { listAnswered } from "../_support/clients/list_answered.ts";
import { startRawServer } from "../_support/network/raw_server.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

Deno.test("[BCK2] the token is sent unchanged to user and notification, and to no other API", async () => {
  const token = "Bearer abc é=\u00ff~";
  await using wss = await startWss({ users: { [token]: 42 } });
  await using client = await wss.connect("/mobile", { token });

  await client.request("getMyNotifications", LIST);
  await client.request("getSchedules", { where: { from: 1, to: 2, timezone: "UTC" } });
  await client.request("getTournament", { where: { id: "1" } });

  assertEquals(
    wss.backend.calls.map(({ url, authorization }) => [url.split("?")[0], authorization]),
    [["/user", token], ["/notification", token], ["/schedule", null], ["/tournament/1", null]],
  );
});

Deno.test("[BCK2] a token that cannot be a header's value is refused without a backend request", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  for (
    const authToken of [
      "a\nb",
      " alice",
      "alice ",
      " ",
      "a\r\nX-Admin: 1",
      "a\0",
      "a\tb",
      "a\x7f",
      "\u0100",
      "a😀",
      "\ud800",
    ]
  ) {
    const { payload } = await client.request("authentication", { authToken });
    assertEquals(payload.error[0].Slug, "invalid-options", JSON.stringify(authToken));
  }
  assertEquals(wss.backend.calls, []);
});

Deno.test("[BCK3] at most REQUEST_POOL_SIZE requests run for each API, and as many more wait", async () => {
  await using wss = await startWss({ settings: { REQUEST_POOL_SIZE: 2 } });
  await using client = await wss.connect("/mobile");
  const release = wss.backend.hold("GET /tournament");
  for (let id = 1; id <= 5; id++) client.ask("getTournament", { where: { id } });

  const overloaded = await client.next();
  assertEquals([overloaded.rid, overloaded.payload.error[0].Slug], [5, "overloaded"]);
  const held = [await release(), await release()];
  assertEquals(wss.backend.calls.length, 2);
  // Another API has its own pool.
  const schedule = await client.request("getSchedules", {
    where: { from: 1, to: 2, timezone: "UTC" },
  });
  assertEquals(schedule.status, "ok");
  held[0]?.();
  held.push(await release());
  assertEquals(wss.backend.calls.length, 4);
  held.push(await (held[1]?.(), release()));
  held.slice(2).forEach((letGo) => letGo());
  for (let i = 0; i < 4; i++) assertEquals((await client.next()).status, "ok");
});

Deno.test("[BCK3] the timeout includes the time in the pool's queue, all tries and the body", async () => {
  await using wss = await startWss({
    settings: { REQUEST_POOL_SIZE: 1, BACKEND_TIMEOUT_MS: 300 },
  });
  await using client = await wss.connect("/mobile");
  wss.backend.on("GET /tournament", () => {
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("[1")),
    });
    return new Response(endless);
  });

  await using other = await wss.connect("/mobile");
  const sent = client.ask("getTournament", { where: { id: "1" } });
  const waiting = client.ask("getTournament", { where: { id: "2" } });
  // After this reply, the second request is waiting. The other client joins the first one.
  client.ask("nothing");
  await client.next();
  other.ask("getTournament", { where: { id: "1" } });

  const replies = [await client.next(), await client.next()];
  const slugs = Object.fromEntries(replies.map(({ rid, payload }) => [rid, payload.error[0].Slug]));
  assertEquals(slugs, { [sent]: "backend-timeout", [waiting]: "overloaded" });
});

Deno.test("[BCK4] a GET that gets 502, 503 or 504 is tried twice more", async () => {
  await using wss = await startWss();
  for (const status of [502, 503, 504]) {
    wss.backend.forget();
    const { slug } = await listAnswered(wss, () => new Response(null, { status }));
    const gets = wss.backend.calls.filter(({ url }) => url === "/notification");
    assertEquals([slug, gets.length], ["backend-unavailable", 3], String(status));
  }
  let tries = 0;
  const { status } = await listAnswered(
    wss,
    () => ++tries < 3 ? new Response(null, { status: 503 }) : Response.json([]),
  );
  assertEquals([status, tries], ["ok", 3]);
});

Deno.test("[BCK4] a GET without a whole answer is tried again", async () => {
  await using server = startRawServer(
    "",
    'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n[{"half":',
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
  );
  await using wss = await startWss({ settings: { API_URL_NOTIFICATION: new URL(server.url) } });
  await using client = await wss.connect("/web", { token: "alice" });

  const { status, payload } = await client.request("getMyNotifications", LIST);

  assertEquals({ status, payload, count: server.taken.count }, {
    status: "ok",
    payload: [],
    count: 3,
  });
});

Deno.test("[BCK4] other errors are not tried again, and Retry-After becomes RetryAfterMs", async () => {
  await using wss = await startWss();
  const HOUR_MS = 3_600_000;
  for (
    const [status, header, ms] of [
      [429, "7", 7000],
      [500, null, undefined],
      [429, "x", undefined],
      [429, "Sat, 99 Foo", undefined],
      // No client waits longer than an hour.
      [429, "3601", HOUR_MS],
      [429, "9".repeat(400), HOUR_MS],
      [429, "Fri, 31 Dec 9999 23:59:59 GMT", HOUR_MS],
      [429, "Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ]
  ) {
    wss.backend.forget();
    const headers: HeadersInit = header ? { "retry-after": String(header) } : {};
    const { slug, entry } = await listAnswered(
      wss,
      () => new Response(null, { status: Number(status), headers }),
    );
    const gets = wss.backend.calls.filter(({ url }) => url === "/notification");
    assertEquals({ slug, tries: gets.length, RetryAfterMs: entry.RetryAfterMs }, {
      slug: "backend-unavailable",
      tries: 1,
      RetryAfterMs: ms,
    });
  }
});

Deno.test("[BCK4] a PUT is never tried again", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  wss.backend.on("PUT /notification", () => new Response(null, { status: 503 }));

  const { payload } = await client.request("updateNotifications", {
    where: { notifications: [] },
    status: "read",
  });

  assertEquals(payload.error[0].Slug, "backend-unavailable");
  assertEquals(wss.backend.calls.filter(({ method }) => method === "PUT").length, 1);
});

Deno.test("[BCK5] an id in a path is percent-encoded; one that could name another path is refused", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile");
  for (
    const [id, path] of [
      ["...", "..."],
      ["100%", "100%25"],
      ["%20", "%2520"],
      ["?x=1#y", "%3Fx%3D1%23y"],
      ["é", "%C3%A9"],
      ["\ud800", "%EF%BF%BD"],
      [12, "12"],
    ]
  ) {
    const { status } = await client.request("getTournament", { where: { id } });
    assertEquals([status, wss.backend.calls.at(-1)?.url], ["ok", `/tournament/${path}`]);
  }
  wss.backend.forget();
  const slashes = ["a/b", "../user", "a\\b", "a%2Fb", "a%2fb", "a%5cb", "a%252fb", "a%25%32fb"];
  const dots = [".", "..", "%2e", "%2E.", ".%2e", "%2e%2e", "%252e%252e"];
  for (const id of ["", ...slashes, ...dots, 1.5, null, {}]) {
    const { payload } = await client.request("getTournament", { where: { id } });
    assertEquals(payload.error[0].Slug, "invalid-options", JSON.stringify(id));
  }
  assertEquals(wss.backend.calls, []);
});

Deno.test("[BCK6] identical GETs of user and tournament share one request while it is under way", async () => {
  await using wss = await startWss();
  const release = wss.backend.hold("GET /tournament");
  await using one = await wss.connect("/mobile");
  await using two = await wss.connect("/mobile");
  one.ask("getTournament", { where: { id: "1" } });
  const letGo = await release();
  two.ask("getTournament", { where: { id: "1" } });
  await two.request("nothing");
  letGo();

  assertEquals([(await one.next()).status, (await two.next()).status], ["ok", "ok"]);
  assertEquals(wss.backend.calls.length, 1);

  const releaseUser = wss.backend.hold("GET /user", () => Response.json({ id: "42" }));
  one.ask("authentication", { authToken: "alice" });
  const letUserGo = await releaseUser();
  two.ask("authentication", { authToken: "alice" });
  two.ask("nothing");
  await using three = await wss.connect("/mobile");
  three.ask("authentication", { authToken: "bob" });
  (await releaseUser())();
  letUserGo();
  assertEquals([(await one.next()).status, (await three.next()).status], ["ok", "ok"]);
  assertEquals(wss.backend.calls.filter(({ url }) => url === "/user").length, 2);
});

Deno.test("[BCK6] a list that waits in the pool's queue is shared, a list that has been sent is not", async () => {
  await using wss = await startWss({ settings: { REQUEST_POOL_SIZE: 1 } });
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await wss.connect("/mobile"));
  const release = wss.backend.hold("GET /schedule");
  const where = { from: 1, to: 2, timezone: "UTC" };

  for (const client of clients) {
    client.ask("getSchedules", { where });
    if (client === clients[0]) await release();
    await client.request("nothing");
  }
  assertEquals(wss.backend.calls.length, 1);
  wss.backend.on("GET /schedule", () => Response.json(["fresh"]));
  // The first list is never answered, so its client has to go to free the place.
  await clients[0]?.[Symbol.asyncDispose]();

  assertEquals((await clients[1]?.next())?.payload, ["fresh"]);
  assertEquals((await clients[2]?.next())?.payload, ["fresh"]);
  assertEquals(wss.backend.calls.length, 2);
  for (const client of clients.slice(1)) await client[Symbol.asyncDispose]();
});

Deno.test("[BCK6] a request is aborted when its last caller is gone", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/`;
  await using wss = await startWss({ settings: { API_URL_TOURNAMENT_MOBILE: new URL(url) } });
  const one = await wss.connect("/mobile");
  const two = await wss.connect("/mobile");

  one.ask("getTournament", { where: { id: "1" } });
  using conn = await listener.accept();
  const buffer = new Uint8Array(4096);
  await conn.read(buffer);
  let hungUp = false;
  const hangUp = conn.read(buffer).catch(() => null).then(() => hungUp = true);
  two.ask("getTournament", { where: { id: "1" } });
  await two.request("nothing");
  await one[Symbol.asyncDispose]();
  await two.request("nothing");
  assertEquals(hungUp, false);
  await two[Symbol.asyncDispose]();

  await hangUp;
});

Deno.test("a backend that cannot be reached is unavailable, within the timeout", async () => {
  await using wss = await startWss({ settings: { API_URL_USER: new URL("http://127.0.0.1:9/") } });
  await using client = await wss.connect("/web");

  const { payload } = await client.request("authentication", { authToken: "alice" });

  assertEquals(payload.error[0].Slug, "backend-unavailable");
});
