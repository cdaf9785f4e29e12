import { assertEquals } from "@std/assert";
import { Stream } from "../../src/log/stream.ts";

Deno.test("the latest hundred breaks of the log are remembered", () => {
  const stream = new Stream({ topic: "wss", windowMs: 60_000, maxBytes: 1_000_000 });
  stream.open(0, { first: 0, position: 0 });
  for (let to = 1; to <= 150; to++) stream.jump(0, to);
  assertEquals(stream.losses.length, 100);
  assertEquals(stream.losses.at(-1)?.records?.to, 150);
});
