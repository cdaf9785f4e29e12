/**
 * How much the heap grows while the window is filled, and what the window counts; needs
 * `--v8-flags=--expose-gc`. The argument is how many messages are written. Prints two lines of JSON
 * for each shape of message: one without a limit that matters, one with a limit that does.
 */
import { LogWindow } from "../../../src/log/window.ts";
import { parseMessage } from "../../../src/log/message.ts";
import { usedHeap } from "./garbage.ts";

const entries = Number(Deno.args[0]);
const id = (n: number) => n.toString(16).padStart(32, "0");
const data = (n: number) => `${n}`.padEnd(150, "x");

const SHAPES: Record<string, (n: number) => unknown> = {
  "a user each": (n) => notification(n, `user-${n}`),
  "1,000 users": (n) => notification(n, `user-${n % 1000}`),
  "one resource": (n) => update({ resource: "schedule", data: data(n) }),
  "an id each": (n) => update({ subscriptions: [id(n)], data: data(n) }),
  "ten ids each": (n) => update({ subscriptions: ids(10 * n), data: data(n) }),
  "ten of 1,000 ids": (n) => update({ subscriptions: ids(n % 990), data: data(n) }),
  "no Latin-1": (n) => notification(n, `user-${n}`, `${n}`.padEnd(150, "я")),
  "large": (n) => notification(n, `user-${n}`, `${n}`.padEnd(3000, "x")),
};

function notification(n: number, userId: string, text = data(n)) {
  return { type: "notification", document: { userId, type: "message", data: text } };
}

function update(document: unknown) {
  return { type: "update_subscription", document };
}

function ids(from: number): string[] {
  return Array.from({ length: 10 }, (_, i) => id(from + i));
}

const encoder = new TextEncoder();

/** Gives the bytes by which the heap has grown, and those that the window counts. */
async function measure(message: (n: number) => unknown, maxBytes: number) {
  const window = new LogWindow({ windowMs: 1e9, maxBytes });
  window.open(0, 0);
  const before = await usedHeap();
  for (let offset = 0; offset < entries; offset++) {
    const delivery = parseMessage(encoder.encode(JSON.stringify(message(offset))));
    if ("reason" in delivery || delivery.does === "logout") throw new Error("It is no delivery");
    window.add({ partition: 0, offset, timestamp: Date.now(), readAt: Date.now() }, delivery);
    window.trim(Date.now());
  }
  return { heap: await usedHeap() - before, counted: window.bytes, maxBytes };
}

for (const [shape, message] of Object.entries(SHAPES)) {
  // The first run compiles code, which is never freed.
  await measure(message, 1e6);
  for (const maxBytes of [1e12, 200 * entries]) {
    // deno-lint-ignore no-console
    console.log(JSON.stringify({ shape, ...await measure(message, maxBytes) }));
  }
}
