import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { fakeTimeouts } from "../_support/clock.ts";
import { connect } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/clients/raw_socket.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const bearer = (token: string) => `bearer.${Buffer.from(token).toString("base64url")}`;
const down = () => new Response(null, { status: 500 });

async function headOf(wss: Wss, headers: Record<string, string>) {
  using socket = await openRawSocket(`${wss.ws}/web`, headers);
  return socket.head;
}

Deno.test("[NET4] the whole value of the Authorization header is the token, and logs in before the first command", async () => {
  await using wss = await startWss({ users: { "Bearer a b": "42" } });
  using socket = await openRawSocket(`${wss.ws}/web`, { authorization: "Bearer a b" });
  await socket.request({ rid: 1, command: "getMyNotifications", options: LIST });

  assertEquals((await socket.readJson())?.status, "ok");
  assertEquals(wss.backend.calls.map(({ url, authorization }) => [url, authorization]), [
    ["/user", "Bearer a b"],
    ["/notification", "Bearer a b"],
  ]);
});

Deno.test("[NET4][NET5] a token as a subprotocol logs in, and is not confirmed as a subprotocol", async () => {
  await using wss = await startWss({ users: { "tökén/+?": "42" } });
  for (const protocols of [["wss.v1", bearer("tökén/+?")], [bearer("tökén/+?"), "wss.v1"]]) {
    await using client = await connect(`${wss.ws}/web`, { protocols });
    assertEquals(client.socket.protocol, "wss.v1");
    assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
  }
  const head = await headOf(wss, { "sec-websocket-protocol": bearer("tökén/+?") });
  assert(head.startsWith("HTTP/1.1 101 ") && !/sec-websocket-protocol/i.test(head), head);
});

Deno.test("[NET4] a token as a subprotocol comes before a token in the header", async () => {
  await using wss = await startWss();
  using socket = await openRawSocket(`${wss.ws}/web`, {
    authorization: "bob",
    "sec-websocket-protocol": bearer("alice"),
  });
  await socket.request({ rid: 1, command: "getMyNotifications", options: LIST });

  assertEquals((await socket.readJson())?.status, "ok");
  assertEquals(wss.backend.calls.map(({ authorization }) => authorization), ["alice", "alice"]);
});

Deno.test("[NET4] a header of the scheme Basic is no token", async () => {
  await using wss = await startWss();
  await using strict = await startWss({ settings: { AUTH_REQUIRED: true } });
  for (const authorization of ["Basic YWxpY2U6eA==", "bAsIc YWxpY2U6eA==", "Basic", "basic\tx"]) {
    using socket = await openRawSocket(`${wss.ws}/web`, { authorization });
    assert(socket.head.startsWith("HTTP/1.1 101 "), authorization);
    await socket.request({ rid: 1, command: "getMyNotifications", options: LIST });
    assertEquals((await socket.readJson())?.status, "unauthorized");
    assert((await headOf(strict, { authorization })).startsWith("HTTP/1.1 401 "), authorization);
    const both = { authorization, "sec-websocket-protocol": bearer("alice") };
    assert((await headOf(strict, both)).startsWith("HTTP/1.1 101 "), authorization);
  }
  assertEquals(wss.backend.calls, []);

  // A token that only begins with these letters is one.
  await headOf(wss, { authorization: "basics" });
  assertEquals(wss.backend.calls.map(({ authorization }) => authorization), ["basics"]);
});

Deno.test("[NET4] a refused token in the header answers 401, a token that cannot be checked answers 503", async () => {
  await using wss = await startWss();
  assert((await headOf(wss, { authorization: "nobody" })).startsWith("HTTP/1.1 401 "));
  for (const status of [403, 404]) {
    wss.backend.on("GET /user", () => new Response(null, { status }));
    const head = await headOf(wss, { authorization: `refused-${status}` });
    assert(head.startsWith("HTTP/1.1 401 "), head);
  }
  wss.backend.on("GET /user", down);
  const head = await headOf(wss, { authorization: "alice" });
  assert(/^HTTP\/1.1 503 [^]*retry-after: 5\r\n/.test(head), head);
  assertEquals([wss.service.sessions.size, wss.service.connections], [0, 0]);
});

Deno.test("[NET4][AUTH6][LIFE2] 401, 403 and 404 of {user} refuse a token; with 408, 425, 429 and 5xx it could not be checked", async () => {
  await using wss = await startWss();
  wss.backend.on("GET /user", ({ authorization }) => {
    const [status, body] = (authorization ?? "").split(" ");
    return new Response(body || null, { status: Number(status) });
  });
  /** How a token is answered in each of the four ways in which it may come. */
  async function answersTo(authorization: string) {
    const url = `${wss.http}/web?command=getMyNotifications`;
    const json = { authorization, "content-type": "application/json" };
    const [head, socket, posted, stream] = await Promise.all([
      headOf(wss, { authorization }),
      connect(`${wss.ws}/web`, { protocols: [bearer(authorization)] }),
      fetch(url, { method: "POST", headers: json, body: "{}" }),
      fetch(url, { headers: { authorization, accept: "text/event-stream" } }),
    ]);
    await Promise.all([posted.body?.cancel(), stream.body?.cancel()]);
    const { code } = await socket.ended;
    return [Number(head.split(" ")[1]), code, posted.status, stream.status];
  }
  const cases = [
    { statuses: [408, 425, 429, 500, 502, 503, 504], answers: [503, 4503, 503, 503] },
    { statuses: [401, 403, 404], answers: [401, 4401, 401, 401] },
  ];
  // An answer with a JSON body is passed on, one without is an error (BCK1).
  const tokens = cases.flatMap(({ statuses, answers }) =>
    statuses.flatMap((status) =>
      [`${status} `, `${status} {}`].map((token) => ({ token, answers }))
    )
  );
  await Promise.all(tokens.map(async ({ token, answers }) => {
    assertEquals(await answersTo(token.trim()), answers, token);
  }));
});

Deno.test("[NET4] a refused token as a subprotocol closes with 4401, a token that cannot be checked with 4503", async () => {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS: 1 } });
  const codeOf = async (...protocols: string[]) => {
    const { code } = await (await connect(`${wss.ws}/web`, { protocols })).ended;
    await until("there is room", async () => !(await headOf(wss, {})).includes(" 503 "));
    await until("there is room again", () => wss.service.connections === 0);
    return code;
  };
  assertEquals(await codeOf("wss.v1", bearer("nobody")), 4401);
  for (const odd of ["bearer.", "bearer.a", "bearer.w6", bearer("two\r\nlines"), bearer("€")]) {
    assertEquals(await codeOf("wss.v1", odd), 4401, odd);
  }
  wss.backend.on("GET /user", down);
  assertEquals(await codeOf("wss.v1", bearer("alice")), 4503);
});

Deno.test("[NET4] with AUTH_REQUIRED, an upgrade without a token answers 401", async () => {
  await using wss = await startWss({ settings: { AUTH_REQUIRED: true } });
  const head = await headOf(wss, {});
  assert(/^HTTP\/1.1 401 [^]*www-authenticate: Bearer\r\n/.test(head), head);
  await assertRejects(() => connect(`${wss.ws}/web`));
  await using client = await connect(`${wss.ws}/web`, { protocols: ["wss.v1", bearer("alice")] });
  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
});

Deno.test("[NET4][LIM1] a connection counts while its token is being checked, and until it is gone", async () => {
  await using wss = await startWss({ settings: { MAX_CONNECTIONS: 1 } });
  const release = wss.backend.hold("GET /user", () => Response.json({ id: "42" }));
  for (const headers of [{ authorization: "alice" }, { "sec-websocket-protocol": bearer("bob") }]) {
    const upgrading = openRawSocket(`${wss.ws}/web`, headers);
    const letGo = await release();
    assert((await headOf(wss, {})).startsWith("HTTP/1.1 503 "));
    letGo();
    (await upgrading)[Symbol.dispose]();
    await until("there is room again", () => wss.service.connections === 0);
  }
  // A client that hangs up before its upgrade is answered.
  const { port } = new URL(wss.http);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const lines = ["GET /web HTTP/1.1", "host: a", "upgrade: websocket", "connection: Upgrade"];
  lines.push("sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==");
  lines.push("authorization: carol", "", "");
  await conn.write(new TextEncoder().encode(lines.join("\r\n")));
  using clock = fakeTimeouts();
  const letGo = await release();
  conn.close();
  letGo();
  await until("there is room again", async () => {
    clock.tick(1000);
    return (await headOf(wss, {})).includes(" 101 ");
  });
});

Deno.test("[NET4][KAF5] a logout during the upgrade: the session does not become the user's", async () => {
  await using wss = await startWss();
  const release = wss.backend.hold("GET /user", () => Response.json({ id: "42" }));
  const upgrading = connect(`${wss.ws}/web`, { protocols: ["wss.v1", bearer("alice")] });

  const letGo = await release();
  wss.publish("logout", { userId: "42" });
  letGo();
  (await release())(new Response(null, { status: 401 }));

  assertEquals((await (await upgrading).ended).code, 4401);
});

Deno.test("[NET4][KAF5] a logout before the socket opens: the connection is closed with 4401, and no request is answered", async () => {
  const command = { rid: 1, command: "getMyNotifications", options: LIST };
  const tokens = [{ authorization: "alice" }, { "sec-websocket-protocol": bearer("alice") }];
  for (const headers of tokens) {
    // A service of its own: its first logout is never put off to a later turn.
    await using wss = await startWss();
    const { sessions } = wss.service;
    const open = sessions.open.bind(sessions);
    const users: (string | null)[] = [];
    sessions.open = (options) => {
      const session = open(options);
      // Right after the login, before the socket can open.
      queueMicrotask(() => {
        users.push(session.user);
        wss.publish("logout", { userId: "42" });
        users.push(session.user);
      });
      return session;
    };
    using socket = await openRawSocket(`${wss.ws}/web`, headers);
    await socket.request(command);

    const close = await socket.readFrame();

    const [high, low] = close?.payload ?? [];
    assertEquals({ opcode: close?.opcode, high, low }, {
      opcode: 8,
      high: 4401 >> 8,
      low: 4401 & 255,
    });
    assertEquals(users, ["42", null]);
    assertEquals([sessions.size, sessions.indexSizes().users], [0, 0]);
  }
});

Deno.test("[NET4][LIFE4] an upgrade whose token is being checked when the shutdown begins is refused", async () => {
  await using wss = await startWss();
  wss.backend.hold("GET /user");
  const upgrading = headOf(wss, { authorization: "alice" });
  await wss.backend.nextCall();

  const stopped = wss.stop();

  assert((await upgrading).startsWith("HTTP/1.1 503 "));
  await stopped;
});
