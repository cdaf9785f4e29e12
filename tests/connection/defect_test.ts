import { configure, reset } from "@logtape/logtape";
import { assert, assertEquals } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { from: 1, to: 2, timezone: "UTC" } };

/** Collects what is logged as an error from now on. */
async function collectErrors() {
  const errors: Record<string, unknown>[] = [];
  await configure({
    sinks: { memory: ({ level, properties }) => errors.push({ level, ...properties }) },
    loggers: [
      { category: "wss", sinks: ["memory"], lowestLevel: "error" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  return { errors, [Symbol.asyncDispose]: reset };
}

function defect(): never {
  throw new TypeError("a defect");
}

Deno.test("a command that throws is answered with internal and logged with its id; the session goes on", async () => {
  await using logged = await collectErrors();
  await using wss = await startWss();
  wss.service.stream.decode = defect;
  await using client = await wss.connect("/mobile");

  const { rid, event, payload } = await client.request("getSchedules", { ...LIST, since: "x" });
  const after = await client.request("getSchedules", LIST);

  const [{ Slug, Message, Temporary }] = payload.error;
  assertEquals({ rid, event, Slug, Temporary }, {
    rid: 1,
    event: "getSchedules",
    Slug: "internal",
    Temporary: true,
  });
  assertEquals(after.status, "ok");
  assertEquals(logged.errors.length, 1);
  const [{ level, id, rid: loggedRid, command, error } = {}] = logged.errors;
  assertEquals({ level, loggedRid, command }, {
    level: "error",
    loggedRid: 1,
    command: "getSchedules",
  });
  assert(Message.includes(id) && !Message.includes("a defect"));
  assert(String(error).includes("TypeError: a defect"));
});

Deno.test("[LIFE2] a defect outside of a command closes with 1011, and other connections go on", async () => {
  await using logged = await collectErrors();
  await using wss = await startWss();
  await using other = await wss.connect("/mobile");
  const others = new Set(wss.service.sessions);
  await using client = await wss.connect("/mobile");
  const [session] = new Set(wss.service.sessions).difference(others);
  if (!session) throw new Error("The client has no session");
  Object.defineProperty(session.outbox, "isBehind", { get: defect });

  client.ask("getSchedules", LIST);

  const { code, reason } = await client.ended;
  assertEquals([code, reason.includes("a defect")], [1011, false]);
  assertEquals(logged.errors.map(({ session }) => session), [session.id]);
  assert(String(logged.errors[0]?.error).includes("TypeError: a defect"));
  assertEquals(new Set(wss.service.sessions), others);
  assertEquals((await other.request("getSchedules", LIST)).status, "ok");
});
