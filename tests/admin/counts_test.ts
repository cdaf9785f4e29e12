/** What operators see of subscriptions to counts (COUNT2). */
import { assert, assertEquals } from "@std/assert";
import { series } from "../_support/service/metrics.ts";
import { publish } from "../_support/service/why.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const COUNT = { where: { types: ["message"] }, status: "unseen", subscribe: true };

/** A client that is subscribed to a count. */
async function subscribe(wss: Wss) {
  const client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
  const { event } = await client.request("getMyNotificationsCount", COUNT);
  const [session] = wss.service.sessions;
  return { client, event, id: session?.id ?? "" };
}

Deno.test("/sessions shows a subscription to a count, with its types and its status", async () => {
  await using wss = await startWss();
  const { client, event, id } = await subscribe(wss);
  await using _ = client;

  const { subscriptionCount, subscriptions } = await wss.admin.get(`/sessions/${id}`);
  const { counts } = await wss.admin.get("/sessions");

  const [{ since, ...shown }] = subscriptions;
  assertEquals([subscriptionCount, counts.subscriptions], [1, 1]);
  assert(Date.parse(since) > 0);
  assertEquals(shown, {
    id: event,
    resource: "count",
    where: { userId: "42", types: ["message"], status: "unseen" },
    state: "live",
  });
});

Deno.test("/why says that a count was asked for again, and when a subscription to one has ended", async () => {
  await using wss = await startWss();
  const { client, event, id } = await subscribe(wss);
  await using _ = client;
  publish(wss);

  const target = { id: event, resource: "count", types: ["message"], status: "unseen" };
  const before = await wss.admin.get(`/why?subscription=${event}`);
  await client.request("subscription", { ids: [event], action: "unsubscribe" });
  const { sessions: [session], messages: [message] } = await wss.admin.get("/why?user=42");

  assertEquals([before.target, before.sessionCount], [target, 1]);
  assertEquals(before.messages.length, 1);
  assert(before.answer.includes(`For session ${id}: counted again`), before.answer);
  const { session: recipient, subscription, result } = message.recipients[0];
  assertEquals([recipient, subscription, result], [id, event, "counted again"]);
  assertEquals(message.others, []);
  const { id: ended, resource, why } = session.subscriptions[0];
  assertEquals([ended, resource, why], [event, "count", "unsubscribed"]);
});

Deno.test("metrics count subscriptions to counts, and the pushes of their totals", async () => {
  await using wss = await startWss();
  const { client } = await subscribe(wss);
  await using _ = client;
  wss.backend.on("GET /notification", () => Response.json({ total: 4 }));
  publish(wss);
  await client.next();

  const values = [
    await wss.admin.metric(series("subscriptions", { resource: "count", state: "live" })),
    await wss.admin.metric(series("pushes_total", { type: "count", kind: "update" })),
    await wss.admin.metric(series("reloads_total", { outcome: "ok" })),
  ];

  assertEquals(values, [1, 1, 1]);
});
