/**
 * Counts deliveries for the metrics.
 */
import { type MessageType, messageTypeOf } from "../log/addressing.ts";
import type { Entry } from "../log/window.ts";
import type { Announcement, DeliveryListener, LivePushes, OwnStep, Resync } from "./deliveries.ts";
import type { Metrics, Series } from "./metrics.ts";

/** The listener that counts pushes and resyncs, and measures the delay of live pushes. */
export class DeliveryMetrics implements DeliveryListener {
  readonly #metrics: Pick<Metrics, "pushes" | "pushSeconds" | "resyncs">;

  /** The live pushes, by type. */
  readonly #live: Readonly<Record<MessageType, Series>>;

  constructor(metrics: Pick<Metrics, "pushes" | "pushSeconds" | "resyncs">) {
    this.#metrics = metrics;
    const live = (type: MessageType) => metrics.pushes.series({ type, kind: "live" });
    this.#live = {
      notification: live("notification"),
      update_subscription: live("update_subscription"),
    };
  }

  sent({ delivery, timestamp }: Entry, { sessions, at }: LivePushes): void {
    const type = messageTypeOf(delivery.to);
    this.#live[type].count += sessions.length;
    // A record of an old producer may have none.
    if (timestamp === 0) return;
    // The producer's clock may be ahead of this machine's.
    const seconds = Math.max(0, at - timestamp) / 1000;
    this.#metrics.pushSeconds.observe(type, seconds, sessions.length);
  }

  stepped({ delivery }: Entry, { what }: OwnStep): void {
    if (what !== "caught up" && what !== "reloaded") return;
    const kind = what === "reloaded" ? "reload" : "caught_up";
    this.#metrics.pushes.inc({ type: messageTypeOf(delivery.to), kind });
  }

  resynced({ why }: Resync): void {
    this.#metrics.resyncs.inc({ reason: why.replaceAll(" ", "_") });
  }

  announced({ type, kind }: Announcement): void {
    this.#metrics.pushes.inc({ type, kind });
  }
}
