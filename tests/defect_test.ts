import { configure, reset } from "@logtape/logtape";
import { assert, assertEquals } from "@std/assert";
import * as z from "zod";
import { createBackend } from "../src/backend.ts";
import { defineCommand } from "../src/commands/define.ts";
import { Connection } from "../src/connection.ts";
import { ok } from "../src/protocol.ts";
import { createHandler } from "../src/server.ts";
import { createSessions } from "../src/sessions.ts";
import { connect } from "./_support/client.ts";

Deno.test("a handler that throws is answered internal and logged with its id; the session goes on", async () => {
  const lines: Record<string, unknown>[] = [];
  await configure({
    sinks: { memory: ({ level, properties }) => lines.push({ level, ...properties }) },
    loggers: [
      { category: "wss", sinks: ["memory"], lowestLevel: "error" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  const commands = [
    defineCommand({
      name: "broken",
      options: z.object({}),
      run: () => {
        throw new TypeError("a defect");
      },
    }),
    defineCommand({ name: "sound", options: z.object({}), run: () => ok() }),
  ];
  const options = {
    commands: new Map(commands.map((command) => [command.name, command])),
    backend: createBackend({
      urls: {
        user: undefined,
        notification: undefined,
        schedule: undefined,
        tournament: undefined,
      },
      poolSize: 1,
      timeoutMs: 1,
      maxBytes: 1,
    }),
    sessions: createSessions(),
    limits: { maxMessageBytes: 1000, maxInflight: 1, maxWaiting: 1 },
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    createHandler({
      pingSeconds: 30,
      isReady: () => true,
      connect: (_endpoint, socket) => new Connection(socket, options),
      onClosed() {},
    }),
  );
  try {
    await using client = await connect(`ws://127.0.0.1:${server.addr.port}/web`);

    const { rid, event, payload } = await client.request("broken");
    const after = await client.request("sound");

    const [{ Slug, Message, Temporary }] = payload.error;
    assertEquals([rid, event, Slug, Temporary], [1, "broken", "internal", true]);
    assertEquals(after.status, "ok");
    assertEquals(lines.length, 1);
    const [{ level, id, rid: loggedRid, command, error } = {}] = lines;
    assertEquals([level, loggedRid, command], ["error", 1, "broken"]);
    assert(Message.includes(id) && !Message.includes("a defect"));
    assert(String(error).includes("TypeError: a defect"));
  } finally {
    await server.shutdown();
    await reset();
  }
});
