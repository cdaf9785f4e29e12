import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Totals, WssError } from "../../src/client/mod.ts";
import { messagesOf } from "../_support/clients/client.ts";
import { type FakeClock, fakeTimeouts } from "../_support/clock.ts";
import { startProxy } from "../_support/network/proxy.ts";
import { startTwo, startWss, type Wss } from "../_support/service/wss.ts";

/** The next number. */
async function next(totals: Totals): Promise<number> {
  const { value, done } = await totals.next();
  assert(!done);
  return value;
}

/** Sets the number of notifications at the backend. */
function setTotal({ backend }: Pick<Wss, "backend">, total: number): void {
  backend.on("GET /notification", () => Response.json({ total }));
}

/** Says that there is another number. A second has passed since the last one. */
function change(wss: Wss, total: number, clock: FakeClock): void {
  setTotal(wss, total);
  wss.publish("notification", { userId: "42", type: "a" });
  clock.tick(1000);
}

Deno.test("[COUNT2] a loop over unread gets the number of unseen notifications, and each other number", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const totals = client.unread({ types: ["a", "b"] });

  assertEquals(await next(totals), 3);
  change(wss, 4, clock);
  assertEquals(await next(totals), 4);
  change(wss, 0, clock);
  assertEquals(await next(totals), 0);
  const urls = wss.backend.calls.map(({ url }) => url).filter((url) => url !== "/user");
  assertEquals(new Set(urls), new Set(["/notification?type=a&type=b&status=unseen"]));

  assertEquals(await next(client.unread({ status: "read" })), 0);
  assertEquals(wss.backend.calls.at(-1)?.url, "/notification?status=read");
});

Deno.test("[COUNT2] a loop over unread goes on on another instance, and an equal number is not told again", async () => {
  await using pair = await startTwo();
  using proxy = startProxy(pair.one.ws);
  using client = connect(`${proxy.ws}/web`, { token: () => "alice" });
  const totals = client.unread();
  assertEquals(await next(totals), 3);
  pair.backend.forget();

  proxy.redirect(pair.two.ws);
  proxy.cut();
  while ((await pair.backend.nextCall()).url === "/user");
  setTotal(pair, 5);
  pair.one.publish("notification", { userId: "42", type: "a" });

  assertEquals(await next(totals), 5);
});

Deno.test("[COUNT2] a slow reader of unread gets the latest number only", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  let came = Promise.withResolvers<void>();
  using client = connect(`${wss.ws}/web`, {
    token: () => "alice",
    onFrame: (direction, text) =>
      direction === "in" && messagesOf(text).some(({ status }) => status === "update") &&
      came.resolve(),
  });
  const totals = client.unread();
  assertEquals(await next(totals), 3);

  for (const total of [4, 5, 6]) {
    came = Promise.withResolvers<void>();
    change(wss, total, clock);
    await came.promise;
  }

  assertEquals(await next(totals), 6);
});

Deno.test("[COUNT2] two loops over one count both get each number, and one goes on when the other ends", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const one = client.unread();
  assertEquals(await next(one), 3);

  // The service tells it in its reply to the second loop, and not again.
  setTotal(wss, 4);
  const two = client.unread();
  assertEquals([await next(two), await next(one)], [4, 4]);
  change(wss, 5, clock);
  assertEquals([await next(two), await next(one)], [5, 5]);
  two.close();
  await client.count({ status: "unseen" });
  change(wss, 6, clock);

  assertEquals(await next(one), 6);
});

Deno.test("leaving a loop over unread ends the subscription", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });

  for await (const total of client.unread()) {
    assertEquals(total, 3);
    break;
  }
  await client.count({ status: "unseen" });

  assertEquals([...wss.service.sessions].map(({ subscriptionCount }) => subscriptionCount), [0]);
});

Deno.test("a loop over unread ends as other loops do: with the client, by itself, or with an error", async () => {
  await using wss = await startWss();
  const client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const closed = client.unread();
  assertEquals(await next(closed), 3);
  const reading = closed.next();
  closed.close();
  assertEquals(await reading, { value: undefined, done: true });

  wss.backend.on("GET /notification", () => new Response(null, { status: 403 }));
  const { slug } = await assertRejects(() => client.unread().next(), WssError);
  assertEquals(slug, "forbidden");

  wss.backend.reset("GET /notification");
  const totals = client.unread();
  const all = Array.fromAsync(totals);
  await client.count({ status: "unseen" });
  client.close();
  assertEquals(await all, [3]);
});
