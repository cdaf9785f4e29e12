/** What the answers of an API mean; see backend_test.ts for when an API is asked. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { listAnswered } from "../_support/clients/list_answered.ts";
import { startRawServer } from "../_support/network/raw_server.ts";
import { startBackend } from "../_support/service/backend.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

Deno.test("[BCK1] the status follows from the HTTP status, and a JSON body is passed on", async () => {
  await using wss = await startWss();
  const body = { why: "because" };
  for (
    const [http, status] of [
      [200, "ok"],
      [201, "ok"],
      [400, "error"],
      [401, "unauthorized"],
      [403, "forbidden"],
      [404, "error"],
      [422, "error"],
    ] as const
  ) {
    const answer = await listAnswered(wss, () => Response.json(body, { status: http }));
    assertEquals([answer.status, answer.payload], [status, body], String(http));
  }
});

Deno.test("[BCK1] a 401 or 403 without JSON has payload null, any other 3xx or 4xx without JSON is backend-refused", async () => {
  await using wss = await startWss();
  for (const [http, status] of [[401, "unauthorized"], [403, "forbidden"]] as const) {
    for (const body of [null, "<html>"]) {
      const answer = await listAnswered(wss, () => new Response(body, { status: http }));
      assertEquals([answer.status, answer.payload], [status, null]);
    }
  }
  for (const http of [301, 302, 304, 400, 404, 418]) {
    const body = http === 304 ? null : "<html>";
    const answer = await listAnswered(wss, () => new Response(body, { status: http }));
    assertEquals([answer.status, answer.slug], ["error", "backend-refused"], String(http));
  }
});

/** Bodies that cannot be used: too long, or not compressed as they should be. */
const UNUSABLE: readonly [name: string, body: () => string | ReadableStream, encoding?: string][] =
  [
    ["with its length", () => "x".repeat(2000)],
    ["in chunks", () => ReadableStream.from([new Uint8Array(2000)])],
    ["not gzip", () => "x".repeat(100), "gzip"],
    ["not brotli", () => "x".repeat(100), "br"],
  ];

function unusable([, body, encoding]: typeof UNUSABLE[number], status: number): Response {
  const headers = encoding === undefined ? {} : { "content-encoding": encoding };
  return new Response(body(), { status, headers });
}

Deno.test("[BCK1][UPD1] a PUT that is answered 2xx is ok with payload null, whatever the body is", async () => {
  await using wss = await startWss({ settings: { MAX_BACKEND_BYTES: 1000 } });
  await using client = await wss.connect("/web", { token: "alice" });
  const update = { where: { notifications: ["1"] }, status: "read" };
  for (const kind of UNUSABLE) {
    for (const http of [200, 202]) {
      wss.backend.on("PUT /notification", () => unusable(kind, http));

      const { status, payload } = await client.request("updateNotifications", update);

      assertEquals([status, payload], ["ok", null], `${http} ${kind[0]}`);
    }
  }

  const cut = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
  await using server = startRawServer(cut);
  await using other = await startWss({ settings: { API_URL_NOTIFICATION: new URL(server.url) } });
  await using bob = await other.connect("/web", { token: "bob" });
  const { status, payload } = await bob.request("updateNotifications", update);
  assertEquals([status, payload, server.taken.count], ["ok", null, 1]);
});

Deno.test("[BCK1] a 401 or 403 whose body cannot be used has payload null", async () => {
  await using wss = await startWss({ settings: { MAX_BACKEND_BYTES: 1000 } });
  await using client = await wss.connect("/web", { token: "alice" });
  const update = { where: { notifications: ["1"] }, status: "read" };
  for (const kind of UNUSABLE) {
    for (const [http, expected] of [[401, "unauthorized"], [403, "forbidden"]] as const) {
      const respond = () => unusable(kind, http);
      wss.backend.on("PUT /notification", respond);

      const list = await listAnswered(wss, respond);
      const put = await client.request("updateNotifications", update);

      for (const { status, payload } of [list, put]) {
        assertEquals([status, payload], [expected, null], `${http} ${kind[0]}`);
      }
    }
    const { status, slug } = await listAnswered(wss, () => unusable(kind, 404));
    assertEquals([status, slug], ["error", "backend-invalid"], kind[0]);
  }
});

/** A redirect as backends send it. */
const redirect = (location: string, status = 302) =>
  new Response("<html>", { status, headers: { location } });

Deno.test("[BCK1][BCK2] redirects of a GET are followed within the same origin, at most five, with the token", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/mobile", { token: "alice" });
  const { origin } = wss.backend;
  wss.backend.forget();
  const locations = [
    `${origin}/moved/1`,
    "/moved/2?a=b",
    "3",
    "?last",
    "//" + new URL(origin).host + "/end",
  ];
  const follow = (locations: string[]) => {
    const rest = [...locations];
    const next = () => {
      const location = rest.shift();
      return location === undefined
        ? Response.json(["found"])
        : redirect(location, [301, 302, 303, 307, 308][rest.length % 5]);
    };
    for (const api of ["notification", "schedule", "moved", "end"]) {
      wss.backend.on(`GET /${api}`, next);
    }
  };

  follow(locations);
  const found = await client.request("getMyNotifications", LIST);

  assertEquals([found.status, found.payload], ["ok", ["found"]]);
  const calls = wss.backend.calls.map(({ url, authorization }) => [url, authorization]);
  assertEquals(calls, [
    ["/notification", "alice"],
    ["/moved/1", "alice"],
    ["/moved/2?a=b", "alice"],
    ["/moved/3", "alice"],
    ["/moved/3?last", "alice"],
    ["/end", "alice"],
  ]);

  wss.backend.forget();
  follow([...locations, "/end"]);
  const { payload } = await client.request("getMyNotifications", LIST);

  const [{ Slug, Message }] = payload.error;
  assertEquals({ Slug, Message, calls: wss.backend.calls.length }, {
    Slug: "backend-refused",
    Message: "Cannot ask the notification API: it redirected more than 5 times",
    calls: 6,
  });

  wss.backend.forget();
  follow(["/end"]);
  const where = { from: 1, to: 2, timezone: "UTC" };
  assertEquals((await client.request("getSchedules", { where })).status, "ok");
  assertEquals(wss.backend.calls.map(({ authorization }) => authorization), [null, null]);
});

Deno.test("[BCK1][BCK2] a redirect to another origin is refused, and so is one of a PUT: nobody else gets the token", async () => {
  await using other = startBackend();
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const { host } = new URL(wss.backend.origin);
  for (
    const location of [
      `${other.origin}/notification`,
      `//${new URL(other.origin).host}/notification`,
      `https://${host}/notification`,
      `http://me:secret@${host}/notification`,
      "http://[",
    ]
  ) {
    wss.backend.forget();
    wss.backend.on("GET /notification", () => redirect(location));
    const { payload } = await client.request("getMyNotifications", LIST);
    const [{ Slug, Message }] = payload.error;
    assertEquals({ Slug, Message, calls: wss.backend.calls.length }, {
      Slug: "backend-refused",
      Message: "Cannot ask the notification API: it redirected to another origin",
      calls: 1,
    }, location);
  }

  wss.backend.forget();
  wss.backend.on("PUT /notification", () => redirect("/end", 307));
  const update = { where: { notifications: [] }, status: "read" };
  const { payload } = await client.request("updateNotifications", update);

  assertEquals([payload.error[0].Slug, wss.backend.calls.length], ["backend-refused", 1]);
  assertEquals(other.calls, []);
});

Deno.test("[BCK1] a body goes to the client unchanged, including 64-bit numbers", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  const body = '[ {"id": 9007199254740993, "x": 1.50, "y": "\\u00e9"}\n]';
  wss.backend.on("GET /notification", () => new Response(body));

  client.ask("getMyNotifications", LIST);

  assert((await client.nextText()).includes(`"payload":${body},"cursor":`));
});

Deno.test("a backend's invalid answer is an error, and the session goes on", async () => {
  await using wss = await startWss();
  for (const body of ["", "<html>", '{"half":', "undefined", "NaN", "\ufffe"]) {
    const { slug } = await listAnswered(wss, () => new Response(body));
    assertEquals(slug, "backend-invalid", body);
  }
  const nothing = await listAnswered(wss, () => new Response("null"));
  assertEquals([nothing.status, nothing.payload], ["ok", null]);
  const large = JSON.stringify("x".repeat(3_000_000));
  const much = await listAnswered(wss, () => new Response(large));
  assertEquals(much.payload.length, 3_000_000);
  const body = new TextEncoder().encode(JSON.stringify("x".repeat(9e6)));
  const gzip = await new Response(
    new Response(body).body?.pipeThrough(new CompressionStream("gzip")),
  ).bytes();
  const answers = {
    "with its length": () => new Response(body),
    "in chunks": () => new Response(ReadableStream.from([body])),
    compressed: () => new Response(gzip, { headers: { "content-encoding": "gzip" } }),
  };
  for (const [name, answer] of Object.entries(answers)) {
    assertEquals((await listAnswered(wss, answer)).slug, "backend-invalid", name);
  }
});

Deno.test("an answer that the platform cannot read is backend-invalid, and the error says why", async () => {
  const body = (text: string) => new TextEncoder().encode(text);
  const members = [gzipSync(body('{"total":')), gzipSync(body("3}"))];
  const broken = gzipSync(body("[1]"));
  broken.fill(255, broken.length - 8);
  const many = Array.from({ length: 200 }, (_, i) => `x-${i}: a\r\n`).join("");
  const cases: [head: string, body: Uint8Array, reason: string][] = [
    [
      "content-encoding: gzip\r\n",
      Buffer.concat(members),
      "its answer is not JSON; only the first member of its gzip was read",
    ],
    [
      "content-encoding: GZIP\r\n",
      Buffer.concat([gzipSync(""), gzipSync("[]")]),
      "its answer is not JSON; only the first member of its gzip was read",
    ],
    ["content-encoding: gzip\r\n", broken, "its answer cannot be decompressed"],
    ["content-encoding: gzip\r\n", body("x".repeat(100)), "its answer cannot be decompressed"],
    ["content-encoding: br\r\n", body("x".repeat(100)), "its answer cannot be decompressed"],
    [
      "content-encoding: zstd\r\n",
      body("x"),
      "its answer is not JSON; its Content-Encoding is none of gzip, br and identity",
    ],
    [many, body("[]"), "its answer has more than 100 headers, or very long ones"],
  ];
  for (const [headers, bytes, reason] of cases) {
    const head = `HTTP/1.1 200 OK\r\n${headers}content-length: ${bytes.length}\r\n\r\n`;
    await using server = startRawServer(Buffer.concat([body(head), bytes]));
    await using wss = await startWss({ settings: { API_URL_NOTIFICATION: new URL(server.url) } });
    await using client = await wss.connect("/web", { token: "alice" });

    const { payload } = await client.request("getMyNotifications", LIST);

    const [{ Slug, Message }] = payload.error;
    assertEquals({ Slug, Message, count: server.taken.count }, {
      Slug: "backend-invalid",
      Message: `Cannot ask the notification API: ${reason}`,
      count: 1,
    });
  }
});

Deno.test("[BCK1] the content-length of a chunked body is ignored", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n";
  const text = JSON.stringify("x".repeat(1000));
  const chunk = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const answering = (async () => {
    using conn = await listener.accept();
    await conn.read(new Uint8Array(4096));
    await conn.write(new TextEncoder().encode(head + chunk));
  })();
  await using wss = await startWss({
    settings: {
      API_URL_NOTIFICATION: new URL(`http://127.0.0.1:${listener.addr.port}`),
      MAX_BACKEND_BYTES: 100,
    },
  });
  await using client = await wss.connect("/web", { token: "alice" });

  const { payload } = await client.request("getMyNotifications", LIST);

  assertEquals(payload.error[0].Slug, "backend-invalid");
  await answering;
});
