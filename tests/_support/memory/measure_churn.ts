/**
 * What stays on the heap of connections that have come and gone; needs `--v8-flags=--expose-gc`.
 * Prints the megabytes after 5,000 of them, and after 50,000.
 */
import { churn } from "./churn.ts";
import { until } from "../queue.ts";
import { startWss } from "../service/wss.ts";

// The platform keeps sockets that were cut off until their next ping is due.
const PING_SECONDS = 1;

await using wss = await startWss({ settings: { PING_SECONDS: String(PING_SECONDS) } });
wss.backend.hold("GET /tournament");
const heap: number[] = [];
for (const count of [5000, 45_000]) {
  await churn(wss.service.address.port, count);
  await until("all are gone", () => wss.service.connections === 0);
  wss.backend.forget();
  await new Promise((resolve) => setTimeout(resolve, 3000 * PING_SECONDS));
  globalThis.gc?.();
  globalThis.gc?.();
  heap.push(Deno.memoryUsage().heapUsed / 1024 ** 2);
}
// deno-lint-ignore no-console
console.log(JSON.stringify(heap));
Deno.exit(0);

declare global {
  var gc: (() => void) | undefined;
}
