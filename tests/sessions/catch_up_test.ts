import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import { Stream } from "../../src/log/stream.ts";
import { toJson } from "../../src/protocol/frames.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import { CatchUpQueue } from "../../src/sessions/catch_up.ts";
import { Pushes, type Subscriber } from "../../src/sessions/pushes.ts";
import { Subscription } from "../../src/sessions/subscription.ts";
import { LossQueue } from "../../src/sessions/subscription/losses.ts";
import { until } from "../_support/queue.ts";
import { createOutbox } from "../_support/service/outbox.ts";
import { aliceCaller, ALL_KEPT } from "../_support/sessions/caller.ts";

/** A window with some updates for one user, and clients that have none of them. */
function startCatchUp({ updates }: { updates: number }) {
  const stream = new Stream({ topic: "wss", windowMs: 300_000, maxBytes: 1_000_000 });
  const pushes = new Pushes({ deliveries: { stepped() {}, resynced() {} } });
  const catchUpQueue = new CatchUpQueue({ stream, pushes });
  const reloads = { request() {}, requestLater() {}, cancel() {}, renew() {} };
  const losses = new LossQueue();
  const parts = {
    stream,
    losses,
    pushes,
    fanOut: { undelivered: () => null },
    reloads,
    catchUpQueue,
  };
  stream.open(0, { first: 0, position: 0 });
  const to = { by: "user", user: "42", type: "a" } as const;
  for (let offset = 0; offset < updates; offset++) {
    const record = { partition: 0, offset, timestamp: 0, readAt: Date.now() };
    stream.read(record, { does: "update", to, payload: toJson(offset) });
  }
  return {
    resume(outbox: Subscriber["outbox"]): Subscription {
      const subscription = new Subscription(notificationTarget({ userId: "42", types: [] }), {
        subscriber: {
          id: crypto.randomUUID(),
          user: "42",
          token: "alice",
          keptCaller: aliceCaller,
          knowsVersion1: true,
          knowsBatches: false,
          outbox,
        },
        list: ALL_KEPT,
        parts,
      });
      subscription.hold();
      subscription.beginAt({ positions: [0], seq: 0, times: [] });
      subscription.release();
      return subscription;
    },
  };
}

Deno.test("[DEL5] clients catch up while others resume in every turn of the event loop", async () => {
  const catchUp = startCatchUp({ updates: 5 });
  let frames = 0;
  const outbox = createOutbox(() => frames++);

  // More than a turn has frames for, so that most have to wait.
  for (let turn = 0; turn < 50; turn++) {
    for (let client = 0; client < 200; client++) catchUp.resume(outbox);
    await setImmediate();
  }

  assert(frames > 50 * 64, `only ${frames} frames were sent in 50 turns`);
});

Deno.test("a defect in one client's push does not keep later clients from catching up", async () => {
  const catchUp = startCatchUp({ updates: 300 });
  const defects: unknown[] = [];
  const onDefect = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    defects.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", onDefect);
  try {
    let frames = 0;
    // In the second turn, when nobody is there to catch it.
    const send = () => {
      if (++frames > 200) throw new Error("defect");
    };
    catchUp.resume(createOutbox(send));
    await until("the defect has shown itself", () => defects.length > 0);

    const subscription = catchUp.resume(createOutbox());
    await until("the next client has caught up", () => subscription.isLive);

    assertEquals(defects.map(String), ["Error: defect"]);
  } finally {
    globalThis.removeEventListener("unhandledrejection", onDefect);
  }
});
