import { assert, assertEquals } from "@std/assert";
import { notificationTarget } from "../../src/protocol/target.ts";
import { ALL_KEPT } from "../_support/sessions/caller.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const push = (userId: string, data: unknown) => ({ userId, type: "a", data });

Deno.test("[KAF2] a client that knows another user's subscription id gets nothing and ends nothing by it", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  await using bob = await wss.connect("/web", { token: "bob" });
  const { event } = await alice.request("getMyNotifications", LIST);
  assertEquals(event, notificationTarget({ userId: "42", types: [] }).id);

  for (const options of [{ ...LIST, id: event }, { ...LIST, event, subscriptions: [event] }]) {
    await bob.request("getMyNotifications", options);
  }
  // If the user were taken from `where`, this would give alice's id.
  await bob.request("getMyNotifications", { where: { types: [], userId: "42" } });
  await bob.request("subscription", { ids: [event], action: "unsubscribe" });
  wss.publish("update_subscription", { subscriptions: [event], data: "for alice" });

  assertEquals((await alice.next()).payload, "for alice");
  assertEquals(await bob.pushesUntilIdle(), []);
});

Deno.test("[DEL5] with another user's cursor, a client gets its own pushes only", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  const { cursor: since } = await alice.request("getMyNotifications", LIST);
  wss.publish("notification", push("42", "for alice"));
  wss.publish("notification", push("43", "for bob"));
  await using bob = await wss.connect("/web", { token: "bob" });

  const { recovered } = await bob.request("getMyNotifications", { ...LIST, since });

  assertEquals(recovered, true);
  assertEquals((await bob.pushesUntilIdle()).map(({ payload }) => payload), ["for bob"]);
});

Deno.test("[AUTH1] after a login as another user, nothing of the first user is left", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await client.request("authentication", { authToken: "bob" });

  wss.publish("notification", push("42", "for alice"));
  await client.request("getMyNotifications", LIST);
  wss.publish("notification", push("43", "for bob"));

  assertEquals((await client.pushesUntilIdle()).map(({ payload }) => payload), ["for bob"]);
});

Deno.test("[SUB1] to end subscriptions, each id that a client names is looked at once", async () => {
  await using wss = await startWss();
  await using _client = await wss.connect("/web", { token: "alice" });
  const [session] = wss.service.sessions;
  const reads = { count: 0 };
  for (let i = 0; i < 1000; i++) {
    const id = `id ${i}`;
    session?.subscribe({
      get id() {
        reads.count++;
        return id;
      },
      resource: "notification",
      where: { userId: "42", types: [] },
    }, ALL_KEPT);
  }
  const foreign = Array.from({ length: 25_000 }, (_, i) => `foreign ${i}`);

  reads.count = 0;
  session?.unsubscribe([...foreign, "id 500"], "unsubscribed");

  assert(reads.count < 10_000, `${reads.count} reads`);
  assertEquals(session?.subscriptionCount, 999);
});
