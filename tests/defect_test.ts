import { configure, reset } from "@logtape/logtape";
import { assert, assertEquals } from "@std/assert";
import { startWss } from "./_support/wss.ts";

Deno.test("a handler that throws is answered internal and logged with its id; the session goes on", async () => {
  const lines: Record<string, unknown>[] = [];
  await configure({
    sinks: { memory: ({ level, properties }) => lines.push({ level, ...properties }) },
    loggers: [
      { category: "wss", sinks: ["memory"], lowestLevel: "error" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  try {
    await using wss = await startWss();
    wss.service.stream.decode = () => {
      throw new TypeError("a defect");
    };
    await using client = await wss.connect("/mobile");
    const where = { from: 1, to: 2, timezone: "UTC" };

    const { rid, event, payload } = await client.request("getSchedules", { where, since: "x" });
    const after = await client.request("getSchedules", { where });

    const [{ Slug, Message, Temporary }] = payload.error;
    assertEquals([rid, event, Slug, Temporary], [1, "getSchedules", "internal", true]);
    assertEquals(after.status, "ok");
    assertEquals(lines.length, 1);
    const [{ level, id, rid: loggedRid, command, error } = {}] = lines;
    assertEquals([level, loggedRid, command], ["error", 1, "getSchedules"]);
    assert(Message.includes(id) && !Message.includes("a defect"));
    assert(String(error).includes("TypeError: a defect"));
  } finally {
    await reset();
  }
});
