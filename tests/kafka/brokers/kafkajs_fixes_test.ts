import { assert, assertEquals } from "@std/assert";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import { fixRequestQueue, MAX_THROTTLE_MS } from "../../../src/kafka/brokers/kafkajs_fixes.ts";

Deno.test("[KAF10] a broker's throttling is followed for half a minute at most, whatever it says", () => {
  fixRequestQueue();

  for (const ms of [null, -1, 0, 100, 2 ** 31 - 1]) {
    const queue = new RequestQueue({ logger: { debug() {} } });
    queue.maybeThrottle(ms);

    const left = queue.throttledUntil - Date.now();
    assert(left <= Math.max(0, Math.min(ms ?? 0, MAX_THROTTLE_MS)), `${left} ms for ${ms}`);
    assertEquals(left > 0, (ms ?? 0) > 0);
  }
});
