import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { connect } from "../_support/clients/client.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { exchange } from "../_support/network/exchange.ts";
import { createOutbox } from "../_support/service/outbox.ts";
import { startWss } from "../_support/service/wss.ts";

Deno.test("[NET1] /web and /mobile upgrade, and each has its own commands", async () => {
  await using wss = await startWss();
  await using web = await wss.connect("/web");
  await using mobile = await wss.connect("/mobile");
  const commands = (message: string) => message.split("only: ")[1]?.split(", ");

  const webAnswer = await web.request("getTournament", { where: { id: "1" } });
  const mobileAnswer = await mobile.request("nothing");

  const common = [
    "authentication",
    "subscription",
    "getMyNotifications",
    "getMyNotificationsCount",
    "updateNotifications",
  ];
  assertEquals(commands(webAnswer.payload.message), common);
  assertEquals(commands(mobileAnswer.payload.message), [
    ...common,
    "getSchedules",
    "getTournament",
  ]);
});

Deno.test("[NET1] /mobile has no command whose API has no URL", async () => {
  await using wss = await startWss({ settings: { API_URL_SCHEDULE_MOBILE: undefined } });
  await using mobile = await wss.connect("/mobile");

  const { payload } = await mobile.request("getSchedules", {});

  assertEquals(payload.error[0].Slug, "unsupported-command");
});

Deno.test("[NET2] a plain GET of an endpoint answers Connected", async () => {
  await using wss = await startWss();
  for (const path of ["/web", "/mobile", "/web?from=here"]) {
    const response = await fetch(wss.http + path);
    assertEquals([response.status, await response.text()], [200, "Connected"]);
  }
});

Deno.test("[NET2] another path answers 404, an upgrade of it too", async () => {
  await using wss = await startWss();
  for (const path of ["/", "/web/", "/Web", "/web/../admin", "/%77eb", "//web"]) {
    const response = await fetch(wss.http + path);
    await response.body?.cancel();
    assertEquals(response.status, 404, path);
    using socket = await openRawSocket(wss.ws + path);
    assert(socket.head.startsWith("HTTP/1.1 404 "), path);
  }
});

Deno.test("[NET2] a HEAD of every path is answered as a GET, without the body", async () => {
  await using wss = await startWss();
  const own = ["/web", "/mobile", "/healthz", "/readyz", "/client.js", "/nothing"];
  const operators = [
    "/healthz",
    "/readyz",
    "/dashboard.json",
    "/sessions",
    "/why?user=1",
    "/nothing",
  ];
  for (
    const url of [
      ...own.map((path) => wss.http + path),
      ...operators.map((path) => wss.admin.url + path),
    ]
  ) {
    const get = await exchange(url, "GET");
    const head = await exchange(url, "HEAD");
    assertEquals(head, { head: get.head, body: "" }, url);
    assert(get.body.length > 0, url);
  }
});

Deno.test("[NET2] a HEAD upgrades nothing", async () => {
  await using wss = await startWss();
  const headers = ["upgrade: websocket", "connection: upgrade"];
  assertEquals(
    (await exchange(`${wss.http}/web`, "HEAD", headers)).head.split("\r\n")[0],
    "HTTP/1.1 200 OK",
  );
});

Deno.test("[NET2] a method other than GET and HEAD answers 405 and says which are allowed", async () => {
  await using wss = await startWss();
  for (const path of ["/healthz", "/readyz", "/client.js"]) {
    for (const method of ["POST", "PUT", "OPTIONS", "DELETE"]) {
      const response = await fetch(wss.http + path, { method });
      await response.body?.cancel();
      assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
    }
  }
});

Deno.test("[NET2] an upgrade without a valid handshake answers 400", async () => {
  await using wss = await startWss();
  using socket = await openRawSocket(`${wss.ws}/web`, { "sec-websocket-key": "", connection: "x" });
  assert(socket.head.startsWith("HTTP/1.1 400 "), socket.head);
});

Deno.test("a Host header that makes the URL invalid answers 400", async () => {
  await using wss = await startWss();
  for (const host of ["[", "a b", "a:99999"]) {
    using socket = await openRawSocket(`${wss.ws}/web`, { host });
    assert(socket.head.startsWith("HTTP/1.1 400 "), socket.head);
  }
});

Deno.test("[NET5] wss.v1 is confirmed to a client that offers it, a bearer protocol never is", async () => {
  await using wss = await startWss();
  for (
    const [offered, echoed] of [
      ["wss.v1", "wss.v1"],
      ["bearer.YWxpY2U, wss.v1", "wss.v1"],
      ["wss.v1,bearer.YWxpY2U", "wss.v1"],
      ["bearer.YWxpY2U", undefined],
      ["wss.v10, WSS.V1", undefined],
    ]
  ) {
    using socket = await openRawSocket(`${wss.ws}/web`, {
      "sec-websocket-protocol": offered ?? "",
    });
    assert(socket.head.startsWith("HTTP/1.1 101 "));
    assertEquals(/sec-websocket-protocol: (.*)\r/i.exec(socket.head)?.[1], echoed);
  }
  await using client = await connect(`${wss.ws}/web`, { protocols: ["wss.v1"] });
  assertEquals(client.socket.protocol, "wss.v1");
});

Deno.test("[NET5] a client that offers no subprotocol gets only replies, update and reload", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  const { event } = await alice.request("getMyNotifications", { where: { types: [] } });

  wss.publish("notification", { userId: "42", type: "message", data: 1 });
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });

  assertEquals([(await alice.next()).status, (await alice.next()).status], ["update", "reload"]);
  assertEquals(await alice.pushesUntilIdle(), []);
});

Deno.test("[NET6] every connection has its own session, which starts as a guest", async () => {
  const ids: string[] = [];
  await using wss = await startWss();
  const { sessions } = wss.service;
  for (let i = 0; i < 100; i++) {
    const client = { knowsVersion1: false, knowsBatches: false, address: "127.0.0.1" };
    const connection = { closeAsRefused() {} };
    const options = { ...client, endpoint: "/web", outbox: createOutbox(), connection } as const;
    ids.push(sessions.open(options).id);
  }
  assertEquals(new Set(ids).size, 100);
  assertNotEquals(ids[0]?.slice(0, 8), ids[1]?.slice(0, 8));

  await using alice = await wss.connect("/web", { token: "alice" });
  await using guest = await wss.connect("/web");
  const list = { where: { types: [] } };
  assertEquals((await alice.request("getMyNotifications", list)).status, "ok");
  assertEquals((await guest.request("getMyNotifications", list)).status, "unauthorized");
});

Deno.test("upgrades are refused during the shutdown", async () => {
  await using wss = await startWss();
  await using held = await wss.connect("/mobile");
  const release = wss.backend.hold("GET /tournament");
  const rid = held.ask("getTournament", { where: { id: "1" } });
  const letGo = await release();

  const stopped = wss.stop();
  const response = await fetch(`${wss.http}/readyz`);
  await response.body?.cancel();
  await assertRejects(() => connect(`${wss.ws}/web`));
  letGo();

  assertEquals([response.status, response.headers.get("retry-after")], [503, "5"]);
  assertEquals((await held.reply(rid)).status, "ok");
  assertEquals(await held.ended, { code: 1012, reason: "Restarting; connect again" });
  await stopped;
});
