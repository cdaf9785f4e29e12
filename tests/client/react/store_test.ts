/** What the hooks for React follow, without React. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WssError } from "../../../src/client/mod.ts";
import { Connection } from "../../../src/client/react/connection.ts";
import { NotificationsStore } from "../../../src/client/react/notifications.ts";
import type { Snapshot, Store } from "../../../src/client/react/store.ts";
import { startProxy } from "../../_support/network/proxy.ts";
import { deadline } from "../../_support/queue.ts";
import { fakeRandom } from "../../_support/random.ts";
import { startWss } from "../../_support/service/wss.ts";

interface Note {
  id: string;
}

const reading = { current: {} };

/** Follows a store, as a component does. */
function follow<Value>(store: Pick<Store<Value, never>, "subscribe" | "snapshot">) {
  let changed = Promise.withResolvers<void>();
  const snapshots: Snapshot<Value>[] = [];
  const end = store.subscribe(() => {
    snapshots.push(store.snapshot());
    changed.resolve();
  });
  return {
    /** All that was shown. */
    snapshots,
    /** The first snapshot that is so. */
    async until(what: string, isSo: (snapshot: Snapshot<Value>) => boolean) {
      while (!isSo(store.snapshot())) {
        await deadline(what, changed.promise);
        changed = Promise.withResolvers();
      }
      return store.snapshot();
    },
    [Symbol.dispose]: end,
  };
}

function startStore(url: string, token = () => "alice" as string | null, where = {}) {
  const connection = new Connection(`${url}/web`, { current: { token } });
  const store = new NotificationsStore<Note>(connection, { where, reading });
  return {
    store,
    connection,
    [Symbol.dispose]: () => connection.wss.close(),
  };
}

function ids({ value }: Snapshot<{ items: readonly Note[] }>): string[] | undefined {
  return value?.items.map(({ id }) => id);
}

Deno.test("React: changes that come together are shown together", async () => {
  await using wss = await startWss();
  using started = startStore(wss.ws);
  using shown = follow(started.store);
  await shown.until("the list", ({ value }) => value !== undefined);

  for (let id = 0; id < 100; id++) {
    wss.publish("notification", { userId: "42", type: "a", data: { id } });
  }
  await shown.until("all of them", ({ value }) => value?.items.length === 101);
  assert(shown.snapshots.length <= 20, `${shown.snapshots.length} renderings`);
});

Deno.test("React: a loop that was refused begins again with the next connection", async () => {
  await using wss = await startWss();
  using proxy = startProxy(wss.ws);
  let token: string | null = null;
  using started = startStore(proxy.ws, () => token);
  using shown = follow(started.store);
  const { value } = await shown.until("the refusal", ({ error }) => error !== null);
  assertEquals(value, undefined);

  token = "alice";
  proxy.cut();
  const listed = await shown.until("the list", ({ value }) => value !== undefined);
  assertEquals([ids(listed), listed.error], [["n1"], null]);
});

Deno.test("React: a list that cannot be read is an error, and a push without data changes nothing", async () => {
  await using wss = await startWss();
  using started = startStore(wss.ws);
  using shown = follow(started.store);
  await shown.until("the list", ({ value }) => value !== undefined);
  wss.publish("notification", { userId: "42", type: "a" });
  wss.publish("notification", { userId: "42", type: "a", data: { id: "n2" } });
  assertEquals(ids(await shown.until("n2", ({ value }) => value?.items.length === 2)), [
    "n2",
    "n1",
  ]);

  wss.backend.on("GET /notification", () => Response.json({ rows: [] }));
  using other = startStore(wss.ws);
  using refused = follow(other.store);
  const { error } = await refused.until("the error", ({ error }) => error !== null);
  assert(error instanceof TypeError);
});

Deno.test("React: a component that is shown again at once keeps its subscription, and the last one ends it", async () => {
  await using wss = await startWss();
  using started = startStore(wss.ws);
  const { store } = started;
  const first = follow(store);
  first[Symbol.dispose]();
  const second = follow(store);
  const listed = await second.until("the list", ({ value }) => value !== undefined);
  assertEquals(wss.backend.calls.filter(({ url }) => url === "/notification").length, 1);

  second[Symbol.dispose]();
  await Promise.resolve();
  await started.connection.wss.count({ status: "unseen" });
  assertEquals((await wss.admin.get("/sessions")).counts.subscriptions, 0);
  assertEquals(store.snapshot(), listed);
});

Deno.test("React: before there is a client, marks and pages reject", async () => {
  const store = new NotificationsStore<Note>(null, { where: {}, reading });
  for (const call of [() => store.markAs("read"), store.loadMore]) {
    const { slug, temporary } = await assertRejects(call, WssError);
    assertEquals([slug, temporary], ["disconnected", true]);
  }
});

Deno.test("React: pages are asked for one at a time, behind what was pushed meanwhile", async () => {
  await using wss = await startWss();
  const all = ["n9", "n8", "n7", "n6", "n5"].map((id) => ({ id }));
  wss.backend.on("GET /notification", ({ url }) => {
    const params = new URL(url, "http://backend").searchParams;
    const skip = Number(params.get("skip"));
    return Response.json({ items: all.slice(skip, skip + Number(params.get("limit"))) });
  });
  using started = startStore(wss.ws, undefined, { limit: 2, types: ["a"], sort: "-id" });
  using shown = follow(started.store);
  await shown.until("the list", ({ value }) => value !== undefined);
  wss.publish("notification", { userId: "42", type: "a", data: { id: "n10" } });
  all.unshift({ id: "n10" });
  await shown.until("n10", ({ value }) => value?.items.length === 3);

  await Promise.all([started.store.loadMore(), started.store.loadMore()]);
  await started.store.loadMore();
  await started.store.loadMore();
  const { value } = await shown.until("the end", ({ value }) => value?.hasMore === false);
  assertEquals(value?.items, all);
  assertEquals(wss.backend.calls.map(({ url }) => url).filter((url) => url.includes("skip")), [
    "/notification?limit=2&skip=3&sort=-id&type=a",
    "/notification?limit=2&skip=5&sort=-id&type=a",
  ]);
});

Deno.test("React: what is pushed while a page is under way is newer than the page", async () => {
  using _random = fakeRandom(0);
  await using wss = await startWss();
  // Over a WebSocket, what is pushed comes after the page.
  using proxy = startProxy(wss.ws);
  proxy.stripUpgrade(true);
  const note = (id: string, status = "unseen") => ({ id, status });
  wss.backend.on("GET /notification", () => Response.json([note("n4"), note("n3")]));
  using stack = new DisposableStack();
  const connection = new Connection(`${proxy.ws}/web`, { current: { token: () => "alice" } });
  stack.defer(() => connection.wss.close());
  const store = new NotificationsStore<{ id: string; status: string }>(connection, {
    where: { limit: 2 },
    reading: { current: { order: (a, b) => b.id.localeCompare(a.id) } },
  });
  using shown = follow(store);
  await shown.until("the list", ({ value }) => value !== undefined);
  const held = wss.backend.hold(
    "GET /notification",
    () => Response.json([note("n2"), note("n1")]),
  );
  const loaded = store.loadMore();
  const release = await held();
  wss.publish("notification", { userId: "42", type: "a", data: note("n2", "read") });
  wss.publish("notification", { userId: "42", type: "a", data: note("n5") });
  await shown.until("n5", ({ value }) => value?.items[0]?.id === "n5");
  release();
  await loaded;

  const { value } = await shown.until("the page", ({ value }) => value?.items.length === 5);
  assertEquals(value?.items.map(({ id, status }) => `${id} ${status}`), [
    "n5 unseen",
    "n4 unseen",
    "n3 unseen",
    "n2 read",
    "n1 unseen",
  ]);
});
