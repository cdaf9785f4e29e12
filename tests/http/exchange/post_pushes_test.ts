/** What comes for the user while a POST is under way. */
import { assert, assertEquals } from "@std/assert";
import { notificationTarget } from "../../../src/protocol/target.ts";
import { post } from "../../_support/clients/event_client.ts";
import { until } from "../../_support/queue.ts";
import { series } from "../../_support/service/metrics.ts";
import { publish } from "../../_support/service/why.ts";
import { startWss } from "../../_support/service/wss.ts";

const WHERE = { types: [] };
const REQUESTS = {
  "a list": { command: "getMyNotifications", options: { where: WHERE } },
  "a count": {
    command: "getMyNotificationsCount",
    options: { where: WHERE, status: "unseen", subscribe: true },
  },
};

for (const [name, request] of Object.entries(REQUESTS)) {
  Deno.test(`[HTTP1] nothing is pushed to a POST that asks for ${name}, and /why and the metrics know of no push`, async () => {
    await using wss = await startWss();
    const release = wss.backend.hold("GET /notification", () => Response.json({ total: 1 }));
    const asking = post(`${wss.http}/web`, request, { token: "alice" });
    const letGo = await release();
    const { id } = notificationTarget({ userId: "42", types: [] });

    const records = [
      publish(wss),
      wss.publish("update_subscription", { subscriptions: [id], options: { reload: true } }),
    ];
    const answers = async () => {
      const all = records.map(async (record) => {
        const [partition, offset] = record.split("-");
        return (await wss.admin.get(`/why?partition=${partition}&offset=${offset}`)).answer;
      });
      return await Promise.all(all);
    };
    const meanwhile = await answers();
    letGo();
    const { status, reply } = await asking;
    await until("its session is gone", () => wss.service.sessions.size === 0);

    assertEquals([status, reply.payload], [200, { total: 1 }]);
    assertEquals(await wss.admin.metric(series("pushes_total")), 0);
    for (const answer of [...meanwhile, ...await answers()]) {
      assert(answer.endsWith(". No session was subscribed to it"), answer);
    }
    assertEquals(wss.service.sessions.indexSizes(), { keys: 0, users: 0 });
  });
}
