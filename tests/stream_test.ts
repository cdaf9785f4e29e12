import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../src/dev/embedded_log.ts";
import { startTwo, startWss } from "./_support/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

Deno.test("[DEL8] a quiet client of version 1 is told its place, and resumes from there", async () => {
  await using two = await startTwo({ settings: { CURSOR_SECONDS: "1" } });
  await using client = await two.one.connect("/web", { ...V1, token: "alice" });
  await using old = await two.one.connect("/web", { token: "alice" });
  await client.request("getMyNotifications", LIST);
  await old.request("getMyNotifications", LIST);
  two.one.publish("notification", { userId: "43", type: "a" });

  const { rid, event, status, payload, cursor } = await client.next();
  assertEquals([rid, event, status, payload], [-1, "stream", "live", null]);
  two.one.publish("notification", push("missed"));
  await using resumed = await two.two.connect("/web", { token: "alice" });
  await resumed.request("getMyNotifications", { ...LIST, since: cursor });

  assertEquals((await resumed.next()).payload, "missed");
  assertEquals((await old.pushesUntilIdle()).map(({ event }) => event === "stream"), [false]);
});

Deno.test("[DEL10] sessions are told when the ends are not told any more, and when they are again", async () => {
  const log = createEmbeddedLog();
  let isReachable = true;
  const createReader = () => {
    const reader = log.createReader();
    const start: typeof reader.start = (events, options) =>
      reader.start({ ...events, onEnds: (ends) => isReachable && events.onEnds(ends) }, options);
    return { ...reader, start };
  };
  await using wss = await startWss({
    log,
    createReader,
    settings: { DEGRADED_AFTER_SECONDS: "2", CURSOR_SECONDS: "3600" },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using late = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);

  isReachable = false;
  const degraded = await client.next();
  const ready = await fetch(`${wss.http}/readyz`);
  const rid = late.ask("getMyNotifications", LIST);
  const [reply, greeting] = [await late.next(), await late.next()];
  isReachable = true;
  const live = await client.next();

  assertEquals([degraded.event, degraded.status], ["stream", "degraded"]);
  assert(degraded.payload.sinceMs > 2000);
  assertEquals([ready.status, await ready.json()], [200, { ready: true, degraded: true }]);
  assertEquals([reply.rid, greeting.status], [rid, "degraded"]);
  assertEquals([live.event, live.status, typeof live.cursor], ["stream", "live", "string"]);
  assertEquals((await late.next()).status, "live");
});
