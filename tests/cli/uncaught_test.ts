import { assertEquals } from "@std/assert";
import { createProcessCounts } from "../../src/observe/process_gauges.ts";
import { watchUncaught } from "../../src/run.ts";
import { until } from "../_support/queue.ts";

Deno.test("errors that nothing caught, and rejections that nothing handled, are counted, and end nothing", async () => {
  const counts = createProcessCounts();
  watchUncaught(counts);

  reportError(new Error("reported"));
  queueMicrotask(() => {
    throw new Error("thrown");
  });
  Promise.reject(new Error("rejected"));

  await until("all are counted", () => counts.uncaught.error + counts.uncaught.rejection === 3);
  assertEquals(counts.uncaught, { error: 2, rejection: 1 });
});
