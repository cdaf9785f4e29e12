/** What a session still gets between the begin of a drain and its own slot. */
import { assertEquals } from "@std/assert";
import { openStream, streamUrl } from "../_support/clients/event_client.ts";
import { type FakeClock, fakeTimeouts } from "../_support/clock.ts";
import { until } from "../_support/queue.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

/** Begins a drain. At the end of the test, time passes until the service has ended. */
function beginDrain(wss: Wss, clock: FakeClock): AsyncDisposable {
  const stopped = wss.stop();
  return {
    async [Symbol.asyncDispose]() {
      const ticking = setInterval(() => clock.tick(100), 1);
      await stopped;
      clearInterval(ticking);
    },
  };
}

Deno.test("[AUTH6][LIFE4] a token that is refused during a drain ends the login before the slot of its session", async () => {
  using clock = fakeTimeouts();
  const settings = { AUTH_REVALIDATE_SECONDS: 0.2, DRAIN_SECONDS: 6 };
  await using wss = await startWss({ settings });
  await using client = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
  await using old = await wss.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await old.request("getMyNotifications", LIST);

  await using _ = beginDrain(wss, clock);
  assertEquals((await client.next()).status, "reconnect");
  wss.backend.on("GET /user", () => new Response(null, { status: 401 }));
  clock.tick(1000);

  const { event, status } = await client.next();
  assertEquals([event, status], ["authentication", "unauthorized"]);
  assertEquals((await client.request("getMyNotifications", LIST)).status, "unauthorized");
  assertEquals((await old.ended).code, 4401);
});

Deno.test("[HTTP4][LIFE4] a stream gets comments in a drain, until its slot", async () => {
  using clock = fakeTimeouts();
  await using wss = await startWss({ settings: { CURSOR_SECONDS: 0.1, DRAIN_SECONDS: 6 } });
  const url = streamUrl(`${wss.http}/web`, "getMyNotifications", LIST);
  await using stream = await openStream(url, { token: "alice" });
  assertEquals((await stream.next()).status, "ok");

  await using _ = beginDrain(wss, clock);
  assertEquals((await stream.next()).status, "reconnect");
  const before = stream.comments;
  clock.tick(1000);

  await until("there is a comment", () => stream.comments > before);
});
