/** Asks an API for large lists, all at once, and for a small answer while they come. Prints what came. */
import { Backend } from "../../../src/backend/backend.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { holder } from "../../_support/sessions/caller.ts";

const [url = "", maxBytes, lists] = Deno.args;
const api = new URL(url);
const backend = new Backend({
  urls: { user: api, notification: undefined, schedule: undefined, tournament: api },
  poolSize: 50,
  timeoutMs: 10_000,
  maxBytes: Number(maxBytes),
  metrics: createMetrics(),
});
const { signal } = new AbortController();

async function ask(api: "user" | "tournament", id: string): Promise<string> {
  const outcome = await backend.ask({ api, id }, { token: null, signal, holder: holder() });
  return "slug" in outcome ? `${outcome.slug}: ${outcome.reason}` : outcome.status;
}

const large = Array.from({ length: Number(lists) }, (_, index) => ask("tournament", `${index}`));
// The API answers this one after it has begun all others.
const small = await ask("user", "small");
const statuses = JSON.stringify([small, ...await Promise.all(large)]);
await Deno.stdout.write(new TextEncoder().encode(statuses));
backend.close();
