import { assert, assertEquals } from "@std/assert";
import type { Entry } from "../../src/log/window.ts";
import { Deliveries } from "../../src/observe/deliveries.ts";
import { DeliveryMetrics } from "../../src/observe/delivery_metrics.ts";
import { DeliveryTrace } from "../../src/observe/delivery_trace.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

function entry(seq: number, timestamp = Date.now()): Entry {
  const to = { by: "user", user: "42", type: "message" } as const;
  const delivery = { does: "reload", to } as const;
  return { seq, partition: 0, offset: seq, timestamp, readAt: Date.now(), delivery };
}

Deno.test("the delay of a push begins with its record's timestamp, and counts once for each recipient", async () => {
  const metrics = createMetrics();
  const deliveries = new Deliveries([new DeliveryMetrics(metrics)]);
  const now = Date.now();
  deliveries.sent(entry(0, now - 2000), { subscription: "a", sessions: ["s1", "s2"], at: now });
  // The producer's clock is ahead.
  deliveries.sent(entry(1, now + 60_000), { subscription: "a", sessions: ["s1"], at: now });
  const { values } = await metrics.pushSeconds.get();
  const value = (name: string) =>
    values.find(({ metricName }) => metricName === name)?.value ?? NaN;
  assertEquals(value("wss_push_delay_seconds_count"), 3);
  const sum = value("wss_push_delay_seconds_sum");
  assert(sum >= 4 && sum < 4.1, `${sum} s`);
});

Deno.test("each event is counted and remembered once", async () => {
  const metrics = createMetrics();
  const trace = new DeliveryTrace();
  const deliveries = new Deliveries([new DeliveryMetrics(metrics), trace]);
  const at = Date.now();
  const recipient = { session: "s1", subscription: "a" };

  deliveries.sent(entry(0), { subscription: "a", sessions: ["s1", "s2"], at });
  deliveries.stepped(entry(1), { ...recipient, what: "held back: catching up", at });
  deliveries.stepped(entry(1), { ...recipient, what: "caught up", at });
  deliveries.stepped(entry(2), { ...recipient, what: "reloaded", at });
  deliveries.announced({ type: "stream", kind: "live" });
  const resync = {
    kind: "resync",
    ...recipient,
    user: "42",
    to: at,
    why: "left the window",
  } as const;
  deliveries.resynced(resync);
  const end = {
    kind: "session",
    session: "s1",
    user: "42",
    from: 0,
    to: at,
    why: "client",
  } as const;
  deliveries.ended(end);

  const pushes = (await metrics.pushes.get()).values
    .map(({ labels: { type, kind }, value }) => [type, kind, value])
    .sort();
  assertEquals(pushes, [
    ["notification", "caught_up", 1],
    ["notification", "live", 2],
    ["notification", "reload", 1],
    ["stream", "live", 1],
  ]);
  const resyncs = (await metrics.resyncs.get()).values.filter(({ value }) => value > 0);
  assertEquals(resyncs.map(({ labels: { reason }, value }) => [reason, value]), [
    ["left_the_window", 1],
  ]);
  assertEquals([trace.size, [...trace.past()]], [5, [resync, end]]);
});
