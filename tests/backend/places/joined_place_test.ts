import { assertEquals } from "@std/assert";
import { Backend } from "../../../src/backend/backend.ts";
import type { Holder } from "../../../src/backend/places/shares.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { startBackend } from "../../_support/service/backend.ts";
import { holder } from "../../_support/sessions/caller.ts";

Deno.test("[LIM7] a user who joins a request that a guest asked for first does not wait at a guest's rank", async () => {
  await using api = startBackend();
  const release = api.hold("GET /tournament");
  const backend = new Backend({
    urls: {
      user: undefined,
      notification: undefined,
      schedule: undefined,
      tournament: new URL(`${api.origin}/tournament`),
    },
    poolSize: 2,
    timeoutMs: 10_000,
    maxBytes: 1000,
    metrics: createMetrics(),
  });
  const { signal } = new AbortController();
  const get = (id: string, kind: Holder["kind"] = "guest") =>
    backend.get({ api: "tournament", id }, {
      token: null,
      signal,
      holder: holder("10.0.0.1", kind),
    });
  const answers = [get("1"), get("2")];
  const held = [await release(), await release()];
  answers.push(get("3"), get("popular"), get("popular", "user"));

  held.shift()?.();
  held.push(await release());

  assertEquals(api.calls.at(-1)?.url, "/tournament/popular");
  held.shift()?.();
  held.push(await release());
  for (const letGo of held) letGo();
  await Promise.all(answers);
  backend.close();
});
