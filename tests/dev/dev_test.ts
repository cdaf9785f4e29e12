import { assert, assertEquals } from "@std/assert";
import { connect } from "../_support/clients/client.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { startDev, startProcess } from "../_support/service/process.ts";

const LIST = { where: { types: [] } };

async function post(url: string, body: unknown): Promise<Response> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  assertEquals(response.status, 201);
  return response;
}

Deno.test("dev: login, list, pushes, counts and marks work with the demo backend", async () => {
  await using dev = await startDev();
  await using alice = await connect(dev.url, { token: "alice-token" });
  await using bob = await connect(dev.url, { token: "bob-token" });
  const count = async (status: string) =>
    (await alice.request("getMyNotificationsCount", { ...LIST, status })).payload.total;

  const list = await alice.request("getMyNotifications", LIST);
  await bob.request("getMyNotifications", LIST);
  const created = await post(`${dev.demoUrl}/notifications`, { data: { text: "Hi" } });
  const push = await alice.next();

  assertEquals([list.payload.total, list.payload.items[0].type], [1, "message"]);
  assertEquals([push.event, push.payload], [list.event, await created.json()]);
  assertEquals(await bob.pushesUntilIdle(), []);
  assertEquals([await count("unseen"), await count("read")], [2, 0]);
  const update = { where: { notifications: [push.payload.id] }, status: "read" };
  assertEquals((await alice.request("updateNotifications", update)).status, "ok");
  assertEquals([await count("unseen"), await count("read")], [1, 1]);
  const again = { where: { notifications: [push.payload.id] }, status: "unread" };
  assertEquals((await alice.request("updateNotifications", again)).status, "ok");
  // What is unseen is unread as well.
  assertEquals([await count("unseen"), await count("unread"), await count("read")], [1, 2, 0]);
  const page = await alice.request("getMyNotifications", {
    params: { limit: 1, skip: 1 },
    ...LIST,
  });
  assertEquals(page.payload.items.map(({ id }: { id: string }) => id), [
    list.payload.items[0].id,
  ]);
});

Deno.test("dev: schedules are reloaded, tournaments are answered, wrong tokens are refused", async () => {
  await using dev = await startDev();
  await using guest = await connect(dev.url.replace("/web", "/mobile"));
  const where = { from: 1, to: 4_000_000_000, timezone: "UTC" };

  const { payload } = await guest.request("getSchedules", { where });
  await (await post(`${dev.demoUrl}/schedules`, { name: "Greens - Blues" })).body?.cancel();
  const reload = await guest.next();
  const tournament = await guest.request("getTournament", { where: { id: "50%" } });
  const missing = await guest.request("getTournament", { where: { id: "none" } });
  const refused = await guest.request("authentication", { authToken: "nobody" });

  assertEquals([payload.items.length, reload.status, reload.payload.items.length], [
    1,
    "reload",
    2,
  ]);
  assertEquals(tournament.payload, { id: "50%", name: "Half Open" });
  assertEquals([missing.status, missing.payload], ["error", { message: "Not found" }]);
  assertEquals(refused.status, "unauthorized");
});

Deno.test("dev: the printed lines do what the welcome says", async () => {
  await using dev = await startDev();
  const frames = dev.text.split("\n").filter((line) => line.startsWith("{"));
  const [, body = ""] = /-d '(.*)'/.exec(dev.text) ?? [];
  await using client = await connect(dev.url);

  frames.forEach((frame) => client.send(frame));
  const replies = [await client.next(), await client.next()];
  const response = await post(`${dev.demoUrl}/notifications`, JSON.parse(body));
  await response.body?.cancel();

  assertEquals(replies.map(({ status }) => status), ["ok", "ok"]);
  assertEquals((await client.next()).payload.data, { text: "Hello" });
  for (const said of ["alice-token", "bob-token"]) assert(dev.text.includes(said));
});

Deno.test("dev: every connection of a user shows what one of them marks as read", async () => {
  await using dev = await startDev();
  await using left = await connect(dev.url, { token: "alice-token" });
  await using right = await connect(dev.url, { token: "alice-token" });
  const { payload } = await left.request("getMyNotifications", LIST);
  await right.request("getMyNotifications", LIST);
  const read = { ...payload.items[0], status: "read" };

  const update = { where: { notifications: [] }, status: "read" };
  await left.request("updateNotifications", update);
  await left.request("updateNotifications", update);

  for (const client of [left, right]) {
    const pushes = await client.pushesUntilIdle();
    assertEquals(pushes.map(({ status, payload }) => [status, payload]), [["update", read]]);
  }
});

Deno.test("dev: the welcome names the page first, and the page loads only from its own server", async () => {
  await using dev = await startDev();
  const [page = ""] = /http:\S+/.exec(dev.text) ?? [];
  const get = async (path: string, method = "GET") => {
    const response = await fetch(new URL(path, page), { method });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };

  assertEquals(new URL(page).host, new URL(dev.url).host);
  const html = await get("/");
  assert(html.headers.get("content-security-policy")?.startsWith("default-src 'self';"));
  const loaded = html.body.matchAll(/(?:src|href)="([^"]+)"/g).map(([, path = ""]) => path);
  for (const path of [...loaded, "/client.js"]) assertEquals((await get(path)).status, 200, path);
  assertEquals([(await get("/none")).status, (await get("/", "POST")).status], [404, 405]);
});

Deno.test("dev: it listens on loopback only, whatever HOST says", async () => {
  await using dev = await startDev({ HOST: "0.0.0.0" });
  assertEquals(new URL(dev.url).hostname, "127.0.0.1");
  assertEquals(new URL(dev.demoUrl).hostname, "127.0.0.1");
  const outside = Deno.networkInterfaces().find(({ family, address }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  if (!outside) return;
  const { port } = new URL(dev.url);
  const reachable = await Deno.connect({ hostname: outside.address, port: Number(port) })
    .then((conn) => (conn.close(), true), () => false);
  assert(!reachable);
});

Deno.test("dev: it does not run in production", async () => {
  await using dev = await startProcess({ task: "dev", env: { NODE_ENV: "production" } });
  assertEquals(await dev.exitCode(), 2);
  assert(dev.complaints[0]?.includes("NODE_ENV is production"));
});

kafkaTest("dev: it uses Kafka if KAFKA_BROKERS is set", async () => {
  await using topic = await createTopic();
  await using dev = await startDev(topic.env);
  await using alice = await connect(dev.url, { token: "alice-token" });
  await alice.request("getMyNotifications", LIST);

  await (await post(`${dev.demoUrl}/notifications`, { data: "through Kafka" })).body?.cancel();

  assert(dev.text.includes("Kafka"));
  assertEquals((await alice.next()).payload.data, "through Kafka");
});

Deno.test("dev: the page of another site can't publish, as text/plain or otherwise", async () => {
  await using dev = await startDev();
  const page = new URL(dev.url.replace(/^ws/, "http"));
  for (const base of [dev.demoUrl, `${page.origin}/demo`]) {
    const own = new URL(base).origin;
    const origins = [["https://evil.test", 403], ["null", 403], [own, 201]] as const;
    for (const [origin, status] of origins) {
      const response = await fetch(`${base}/notifications`, {
        method: "POST",
        body: "{}",
        headers: { origin, "content-type": "text/plain" },
      });
      await response.body?.cancel();
      assertEquals(response.status, status, `${base} asked by ${origin}`);
    }
  }
});
