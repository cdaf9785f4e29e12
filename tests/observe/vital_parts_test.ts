import { assert, assertEquals } from "@std/assert";
import { fakeServiceClock } from "../_support/clock.ts";
import { series } from "../_support/service/metrics.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };

/** Keeps the intervals that are started, with the stack of each start. */
function recordIntervals() {
  const original = globalThis.setInterval;
  const started: { by: string; end: () => void }[] = [];
  globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
    const id = original(...args);
    started.push({ by: new Error().stack ?? "", end: () => clearInterval(id) });
    return id;
  }) as typeof setInterval;
  return {
    /** Ends the only interval that this file has started, in a wheel or by itself. */
    end({ file, inWheel }: { file: string; inWheel: boolean }) {
      const found = started.filter(({ by }) =>
        by.includes(file) && by.includes("timer_wheel.ts") === inWheel
      );
      assertEquals(found.length, 1, file);
      found[0]?.end();
    },
    [Symbol.dispose]: () => globalThis.setInterval = original,
  };
}

const TIMERS = {
  stream_status: { file: "/stream_status.ts", inWheel: false },
  cursors: { file: "/stream_status.ts", inWheel: true },
  revalidation: { file: "/revalidation.ts", inWheel: true },
  idle_guests: { file: "/idle_guests.ts", inWheel: true },
  comments: { file: "/comments.ts", inWheel: true },
};

for (const [name, owner] of Object.entries(TIMERS)) {
  Deno.test(`the end of the timer of ${name} is seen`, async () => {
    using clock = fakeServiceClock();
    using intervals = recordIntervals();
    await using wss = await startWss();
    const up = series("part_up", { part: name });
    const others = Object.keys(TIMERS).filter((other) => other !== name);
    clock.tick(30_000);
    assertEquals(await wss.admin.metric(up), 1);

    intervals.end(owner);
    clock.tick(30_000);

    assertEquals(await wss.admin.metric(up), 0);
    for (const other of others) {
      assertEquals(await wss.admin.metric(series("part_up", { part: other })), 1, other);
    }
    assertEquals((await wss.admin.request("/readyz")).status, 200);
  });
}

Deno.test("a pause of the whole process is not taken for the end of its timers", async () => {
  using clock = fakeServiceClock();
  await using wss = await startWss();
  clock.jump(60_000);
  clock.tick(5000);
  assertEquals(
    await wss.admin.metric(series("part_up")),
    (await wss.admin.metrics()).filter((line) => line.startsWith("wss_part_up{")).length,
  );
});

Deno.test("a defect in one session's cursor is reported, and takes nothing from other sessions", async () => {
  using clock = fakeServiceClock();
  const reported: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error);
  };
  globalThis.addEventListener("error", onError);
  try {
    await using wss = await startWss({ settings: { CURSOR_SECONDS: 25 } });
    await using broken = await wss.connect("/web", { token: "alice", protocols: ["wss.v1"] });
    await using other = await wss.connect("/web", { token: "bob", protocols: ["wss.v1"] });
    for (const client of [broken, other]) await client.request("getMyNotifications", LIST);
    const defect = new Error("defect");
    const isBehind = {
      get() {
        throw defect;
      },
    };
    for (const { outbox } of wss.service.sessions.ofUser("42")) {
      Object.defineProperty(outbox, "isBehind", isBehind);
    }

    clock.tick(51_000);

    assertEquals((await other.next()).event, "stream");
    assert(reported.includes(defect));
  } finally {
    globalThis.removeEventListener("error", onError);
  }
});
