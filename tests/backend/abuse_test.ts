/** Answers at the limit, beside a client that must not notice them. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { anyShape, jsonOf, near, type ShapeName } from "../_support/abuse/texts.ts";
import { startVictim, tryAttacks, type Victim } from "../_support/abuse/victim.ts";
import { connect } from "../_support/clients/client.ts";
import type { BackendCall } from "../_support/service/backend.ts";

const MIB = 1024 ** 2;
const MAX_BACKEND_BYTES = MIB;
const RUNS = 15;
/** V8 collects buffers that nobody uses when there are about 64 MB of them. */
const MOST_BYTES = 160 * MIB;
const BUDGET = { parses: 2, keptBytes: MAX_BACKEND_BYTES, leftBytes: 0, mostBytes: MOST_BYTES };
const settings = { MAX_BACKEND_BYTES, AUTH_CACHE_SECONDS: 0, BACKEND_TIMEOUT_MS: 10_000 };

const REQUESTS = {
  "/user": { command: "authentication", options: { authToken: "mallory" } },
  "/notification": { command: "getMyNotifications", options: { where: { types: [] } } },
  "/notification?status": {
    command: "getMyNotificationsCount",
    options: { where: { types: [] }, status: "read" },
  },
  "/schedule": {
    command: "getSchedules",
    options: { where: { from: 66, to: 67, timezone: "UTC" } },
  },
  "/tournament": { command: "getTournament", options: { where: { id: 66 } } },
};

interface Attack {
  readonly api: keyof typeof REQUESTS;
  readonly status: number;
  readonly shape: ShapeName;
  readonly bytes: number;
  /** How the body comes: with its length, in chunks, or as some bytes of gzip. */
  readonly as: "whole" | "chunks" | "gzip";
  /** Whether the JSON is in an object such as a user API answers. */
  readonly isUser: boolean;
}

const attack: fc.Arbitrary<Attack> = fc.record({
  api: fc.constantFrom(...Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]),
  status: fc.constantFrom(200, 200, 200, 401, 403, 404, 418, 302),
  shape: anyShape,
  bytes: fc.oneof(near(MAX_BACKEND_BYTES), fc.constant(4 * MAX_BACKEND_BYTES), fc.nat(300)),
  as: fc.constantFrom("whole", "chunks", "gzip"),
  isUser: fc.boolean(),
});

const EXAMPLES: Attack[] = (["whole", "chunks", "gzip"] as const).flatMap((as) =>
  [0, 1].map((more): Attack => ({
    api: "/notification",
    status: 200,
    shape: "letters",
    bytes: MAX_BACKEND_BYTES + more,
    as,
    isUser: false,
  }))
).concat([{
  api: "/schedule",
  status: 200,
  shape: "letters",
  bytes: 150 * MAX_BACKEND_BYTES,
  as: "gzip",
  isUser: false,
}]);

function respond({ status, shape, bytes, as, isUser }: Attack): Response {
  const [start, end] = isUser ? ['{"id":66,"total":1e400,"a":', "}"] : ["", ""];
  const text = start + jsonOf(shape, Math.max(1, bytes - start.length - end.length)) + end;
  const body = new TextEncoder().encode(text);
  switch (as) {
    case "whole":
      return new Response(body, { status });
    case "chunks":
      return new Response(new Blob([body]).stream(), { status });
    case "gzip":
      return new Response(new Uint8Array(gzipSync(body)), {
        status,
        headers: { "content-encoding": "gzip" },
      });
  }
}

async function answerWith(victim: Victim, attack: Attack) {
  const { backend } = victim;
  const isMine = ({ authorization, url }: BackendCall) =>
    authorization === "mallory" || url.includes("66");
  const standard: Record<string, (call: BackendCall) => Response> = {
    "/user": ({ authorization }) => Response.json({ id: authorization === "alice" ? 42 : 66 }),
    "/notification": ({ url }) => Response.json(url.includes("status=") ? { total: 3 } : []),
    "/schedule": () => Response.json([]),
    "/tournament": () => Response.json({}),
  };
  for (const [path, answer] of Object.entries(standard)) {
    backend.on(`GET ${path}`, answer);
  }
  const client = await connect(`${victim.url}/mobile`, { token: "mallory" });
  const path = attack.api.split("?")[0] ?? "";
  backend.on(
    `GET ${path}`,
    (call) => isMine(call) ? respond(attack) : standard[path]?.(call) ?? Response.json({}),
  );
  const { command, options } = REQUESTS[attack.api];

  const { status, payload } = await client.request(command, options);

  const slug = status === "error" ? payload?.error?.[0]?.Slug : undefined;
  assert(slug !== "internal", JSON.stringify(payload));
  if (attack.bytes > MAX_BACKEND_BYTES) {
    const isRefusal = attack.status === 401 || attack.status === 403;
    assertEquals(slug, isRefusal ? undefined : "backend-invalid");
  }
  if (
    attack.api === "/notification" && attack.status === 200 && attack.bytes === MAX_BACKEND_BYTES
  ) {
    assertEquals(status, "ok");
  }
  return client;
}

Deno.test("[BCK3][BCK4] no answer at the limit keeps another client waiting, or takes more than it may", async () => {
  await using victim = await startVictim({ settings, maxBytes: MAX_BACKEND_BYTES });
  await tryAttacks(attack, {
    runs: RUNS,
    examples: EXAMPLES,
    attack: (attack) =>
      victim.survives(BUDGET, async () => {
        const client = await answerWith(victim, attack);
        return async () => {
          await client[Symbol.asyncDispose]();
          victim.backend.forget();
        };
      }),
  });
});
