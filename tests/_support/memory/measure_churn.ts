/**
 * Measures what closed connections leave on the heap. It needs `--v8-flags=--expose-gc`.
 * Each argument is a number of connections. Prints the megabytes after the first so many, and after each
 * number of further ones.
 */
import { churn } from "./churn.ts";
import { usedHeap } from "./garbage.ts";
import { until } from "../queue.ts";
import { startWss } from "../service/wss.ts";

// The platform keeps a socket that was cut off until its next ping is due.
const PING_SECONDS = 1;

await using wss = await startWss({ settings: { PING_SECONDS } });
wss.backend.hold("GET /tournament");
const heap: number[] = [];
for (const count of Deno.args.map(Number)) {
  await churn(wss.service.address.port, count);
  await until("all are gone", () => wss.service.connections === 0);
  wss.backend.forget();
  await new Promise((resolve) => setTimeout(resolve, 3000 * PING_SECONDS));
  heap.push(await usedHeap() / 1024 ** 2);
}
// deno-lint-ignore no-console
console.log(JSON.stringify(heap));
Deno.exit(0);
