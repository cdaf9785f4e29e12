import { assertEquals, assertRejects } from "@std/assert";
import { connect, WssError } from "../../src/client/mod.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { deadline, Queue, until } from "../_support/queue.ts";
import { fakeRandom } from "../_support/random.ts";
import { connectClient } from "../_support/clients/library_client.ts";
import { startWss } from "../_support/service/wss.ts";

const UNSEEN = { status: "unseen" } as const;

/** Gives the tokens one after the other, and then the last one again and again. */
function tokens(...list: (string | null)[]) {
  let asked = 0;
  return {
    get asked() {
      return asked;
    },
    next: () => list[Math.min(asked++, list.length - 1)],
  };
}

Deno.test("[KAF5] a client that is logged out asks for a token, and goes on with the new one", async () => {
  await using wss = await startWss({ users: { first: "42", second: "42" } });
  using client = connect(`${wss.ws}/web`, { token: tokens("first", "second").next });
  const inbox = client.notifications();
  await inbox.next();
  wss.backend.forget();
  wss.publish("logout", { userId: "42" });
  wss.publish("notification", { userId: "42", type: "a", data: "meanwhile" });

  assertEquals((await inbox.next()).value, { kind: "update", data: "meanwhile" });
  assertEquals(wss.backend.calls.map(({ authorization }) => authorization), ["second"]);
});

Deno.test("[AUTH6] a client that is logged out waits for another token, and goes on with it", async () => {
  using _random = fakeRandom(0);
  const users: Record<string, string> = { alice: "42" };
  await using wss = await startWss({ users, settings: { AUTH_CACHE_SECONDS: 0 } });
  let [token, asked] = ["alice", 0];
  using client = connectClient(`${wss.ws}/web`, { token: () => (asked++, token) });
  const inbox = client.notifications();
  await inbox.next();
  delete users.alice;
  users.later = "42";
  wss.backend.forget();
  wss.publish("logout", { userId: "42" });

  const { last } = await client.until("unauthorized");
  assertEquals(last, { code: 4401, reason: "The user was logged out" });
  const before = asked;
  await until("the token is asked for again", () => asked > before + 3);
  assertEquals([client.state.state, wss.backend.calls], ["unauthorized", []]);
  token = "later";
  wss.publish("notification", { userId: "42", type: "a", data: "meanwhile" });
  assertEquals((await inbox.next()).value, { kind: "update", data: "meanwhile" });
});

Deno.test("[LIFE2] a client with a refused token connects with another one only, at once if it is told to", async () => {
  using _random = fakeRandom(1);
  using clock = fakeTimeouts();
  await using wss = await startWss();
  let token = "wrong";
  using client = connectClient(`${wss.ws}/web`, { token: () => token });
  const counted = client.count(UNSEEN);
  for (const retryInMs of [500, 1000, 2000]) {
    const state = await client.until("unauthorized");
    const last = { code: 4401, reason: "Token refused" };
    assertEquals(state, { state: "unauthorized", retryInMs, last });
    clock.tick(retryInMs);
  }
  await client.until("unauthorized");
  assertEquals(wss.backend.calls.map(({ url }) => url), ["/user"]);
  token = "alice";
  client.connect();
  assertEquals(await counted, { total: 3 });
});

Deno.test("[LIFE2] a client that is told to connect while an old token is under way asks again at once", async () => {
  using _random = fakeRandom(1);
  using clock = fakeTimeouts();
  await using wss = await startWss();
  const asked = new Queue<PromiseWithResolvers<string>>();
  using client = connectClient(`${wss.ws}/web`, {
    token() {
      const token = Promise.withResolvers<string>();
      asked.push(token);
      return token.promise;
    },
  });
  (await asked.next()).resolve("wrong");
  clock.tick((await client.until("unauthorized")).retryInMs);
  const old = await asked.next();
  client.connect();
  client.connect();
  old.resolve("wrong");

  (await deadline("another question", asked.next())).resolve("alice");
  assertEquals(await client.count(UNSEEN), { total: 3 });
  assertEquals(asked.takeAll(), []);
});

Deno.test("[LIFE2] a token function that tells the client to connect is asked once at a time", async () => {
  using _random = fakeRandom(1);
  using clock = fakeTimeouts();
  await using wss = await startWss();
  let asked = 0;
  using client = connectClient(`${wss.ws}/web`, {
    token() {
      if (++asked > 1) client.connect();
      return asked < 3 ? "wrong" : "alice";
    },
  });
  clock.tick((await client.until("unauthorized")).retryInMs);
  assertEquals(asked, 2);
  clock.tick((await client.until("unauthorized")).retryInMs);

  assertEquals(await client.count(UNSEEN), { total: 3 });
  assertEquals(asked, 3);
});

Deno.test("[LIFE2] a list that is refused waits for another token", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss({ users: { old: "42", new: "42" } });
  wss.backend.on(
    "GET /notification",
    ({ authorization }) =>
      authorization === "old" ? new Response(null, { status: 401 }) : Response.json(["n"]),
  );
  let token = "old";
  using client = connectClient(`${wss.ws}/web`, { token: () => token });
  const first = client.notifications().next();
  const { last } = await client.until("unauthorized");
  assertEquals(last, { code: 4401, reason: "A list was refused" });
  token = "new";
  assertEquals((await first).value, { kind: "list", items: ["n"] });
});

Deno.test("[NET4] a client whose token is refused tries another, but not the same", async () => {
  await using wss = await startWss();
  const given = tokens("wrong", "bad", "alice");
  using client = connect(`${wss.ws}/web`, { token: given.next });
  assertEquals(await client.count(UNSEEN), { total: 3 });
  assertEquals(given.asked, 3);
});

Deno.test("[DEL5] with another user's token, nothing is resumed: the reader gets a list", async () => {
  await using wss = await startWss();
  wss.backend.on("GET /notification", ({ authorization }) => Response.json([authorization]));
  const given = tokens("alice", "bob");
  using client = connect(`${wss.ws}/web`, { token: given.next });
  const inbox = client.notifications();
  assertEquals((await inbox.next()).value, { kind: "list", items: ["alice"] });
  wss.publish("notification", { userId: "42", type: "a", data: "not read by Alice" });
  await client.count(UNSEEN).catch(() => {});
  wss.publish("logout", { userId: "42" });
  wss.publish("notification", { userId: "43", type: "a", data: "in Bob's list" });
  const seen = [];
  while (seen.at(-1)?.kind !== "list") seen.push((await inbox.next()).value);
  assertEquals(seen.at(-1), { kind: "list", items: ["bob"] });
  assertEquals(seen.filter(({ data }) => data === "in Bob's list"), []);
  wss.publish("notification", { userId: "42", type: "a", data: "for Alice" });
  wss.publish("notification", { userId: "43", type: "a", data: "for Bob" });
  assertEquals((await inbox.next()).value, { kind: "update", data: "for Bob" });
});

Deno.test("an unauthorized call is made again if there is another token", async () => {
  await using wss = await startWss({ users: { old: "42", new: "42" } });
  wss.backend.on(
    "GET /notification",
    ({ authorization }) =>
      authorization === "old" ? new Response(null, { status: 401 }) : Response.json({ total: 1 }),
  );
  wss.backend.on(
    "PUT /notification",
    ({ authorization }) => new Response(null, { status: authorization === "old" ? 401 : 204 }),
  );
  const given = tokens("old", "new");
  using client = connect(`${wss.ws}/web`, { token: given.next });
  const calls = [client.count(UNSEEN), client.markAs("read"), client.count(UNSEEN)];
  assertEquals(await Promise.all(calls), [{ total: 1 }, undefined, { total: 1 }]);

  using same = connect(`${wss.ws}/web`, { token: () => "old" });
  for (const call of [() => same.count(UNSEEN), () => same.markAs("read")]) {
    const { slug, temporary } = await assertRejects(call, WssError);
    assertEquals([slug, temporary], ["unauthorized", false]);
  }
  assertEquals(same.state.state, "open");
});

Deno.test("[KAF5] calls while a client is about to connect again are sent on the new connection", async () => {
  await using wss = await startWss({ users: { first: "42", second: "42" } });
  let isLoggedOut = false;
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  wss.backend.on("GET /notification", async ({ url }) => {
    if (url.includes("type=slow")) await held;
    return Response.json({ total: 1 });
  });
  using client = connect(`${wss.ws}/web`, {
    token: () => isLoggedOut ? "second" : "first",
    // Not before the count was refused, so that the refusal comes while the list is under way.
    onFrame: (_direction, text) => /Count".*"unauthorized"/.test(text) && release(),
  });
  await client.count(UNSEEN);
  wss.backend.forget();
  const slow = client.notifications({ types: ["slow"] });
  await wss.backend.nextCall();
  isLoggedOut = true;
  wss.publish("logout", { userId: "42" });
  const counted = client.count(UNSEEN);

  assertEquals(await counted, { total: 1 });
  assertEquals((await slow.next()).value.kind, "list");
});

Deno.test("a guest's inbox ends without a token, and begins if there is a token by then", async () => {
  await using wss = await startWss();
  using guest = connect(`${wss.ws}/web`);
  const { slug } = await assertRejects(() => guest.notifications().next(), WssError);
  assertEquals(slug, "unauthorized");
  const given = tokens(null, "alice");
  using client = connect(`${wss.ws}/web`, { token: given.next });
  assertEquals((await client.notifications().next()).value.kind, "list");
});

Deno.test("an inbox ends if every token is refused, and does not connect for ever", async () => {
  let token = 0;
  await using wss = await startWss();
  wss.backend.on("GET /user", () => Response.json({ id: 42 }));
  wss.backend.on("GET /notification", () => new Response(null, { status: 401 }));
  using client = connect(`${wss.ws}/web`, { token: () => `token ${++token}` });
  const { slug } = await assertRejects(() => client.notifications().next(), WssError);
  assertEquals(slug, "unauthorized");
});

Deno.test("a guest's schedule goes on when the user is logged out", async () => {
  await using wss = await startWss();
  const given = tokens("alice", null);
  using client = connect(`${wss.ws}/mobile`, { token: given.next });
  const schedule = client.schedules({ from: 1, to: 2, timezone: "UTC" });
  const inbox = client.notifications();
  await Promise.all([schedule.next(), inbox.next()]);
  wss.publish("logout", { userId: "42" });
  const { slug } = await assertRejects(() => inbox.next(), WssError);
  assertEquals(slug, "unauthorized");
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  assertEquals((await schedule.next()).value, { kind: "update", data: 1 });
});

Deno.test("a token function that fails is asked again later", async () => {
  await using wss = await startWss();
  let asked = 0;
  const client = connectClient(`${wss.ws}/web`, {
    token() {
      if (++asked === 1) throw new Error("at once");
      return asked === 2 ? Promise.reject(new Error("later")) : "alice";
    },
  });
  const inbox = client.notifications();
  for (const error of ["at once", "later"]) {
    const { last } = await client.until("waiting");
    assertEquals(last?.reason, `The token function failed: Error: ${error}`);
  }
  assertEquals((await inbox.next()).value.kind, "list");
  client.close();
});

Deno.test("a token function that does not answer is asked again after 20 s", async () => {
  await using wss = await startWss();
  using clock = fakeTimeouts();
  let asked = 0;
  const client = connectClient(`${wss.ws}/web`, {
    token: () => ++asked === 1 ? new Promise(() => {}) : "alice",
  });
  const counted = client.count(UNSEEN);
  await client.until("connecting");
  clock.tick(20_000);
  clock.tick((await client.until("waiting")).retryInMs);
  assertEquals(await counted, { total: 3 });
  client.close();
});

Deno.test("a call that waits for another token ends with its client", async () => {
  await using wss = await startWss();
  let asked = 0;
  const again = Promise.withResolvers<void>();
  using proxy = startProxy(wss.ws);
  const client = connect(`${proxy.ws}/web`, {
    token() {
      if (++asked === 1) return null;
      again.resolve();
      return new Promise(() => {});
    },
  });
  const counted = client.count(UNSEEN);
  const read = client.notifications().next();
  await again.promise;
  client.close();
  const { slug } = await assertRejects(() => counted, WssError);
  assertEquals([slug, (await read).done], ["closed", true]);
});
