import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Outbox, SlowClients } from "../../src/outbox/outbox.ts";

/** An open socket that takes nothing until it is told to. */
function createSocket() {
  return {
    readyState: WebSocket.OPEN,
    unsent: 0,
    looks: 0,
    send(frame: string): void {
      // In an event stream, there are the lines around a frame, and a line with its cursor.
      this.unsent += new TextEncoder().encode(frame).length + frame.length + 16;
    },
    get bufferedAmount(): number {
      this.looks++;
      return this.unsent;
    },
  };
}

function createOutbox(socket: ReturnType<typeof createSocket>, maxBufferedBytes: number) {
  const slowClients = new SlowClients();
  const limits = { maxBufferedBytes, slowTimeoutMs: 60_000 };
  const outbox = new Outbox(socket, { closeAsTooSlow() {} }, { limits, slowClients });
  return Object.assign(outbox, { [Symbol.dispose]: () => outbox.end() });
}

/** A frame of so many characters, and the part of what is unsent that the client takes after it. */
const step = fc.record({
  frame: fc.tuple(fc.constantFrom("x", "é", "€"), fc.integer({ min: 16, max: 800 }))
    .map(([character, count]) => character.repeat(count)),
  taken: fc.constantFrom(0, 0, 0, 0.3, 1),
});

Deno.test("[SLOW1] a client that is behind is noticed with the very frame, as if the socket was asked after each", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    const socket = createSocket();
    using outbox = createOutbox(socket, 4096);
    for (const { frame, taken } of steps) {
      outbox.send(frame);
      assertEquals(outbox.isBehind, socket.unsent > 4096);
      socket.unsent = Math.floor(socket.unsent * (1 - taken));
      outbox.check(performance.now());
    }
  }));
});

Deno.test("a socket is asked seldom how much is unsent", () => {
  const socket = createSocket();
  using outbox = createOutbox(socket, 1_048_576);
  for (let i = 0; i < 10_000; i++) {
    outbox.send("x".repeat(100));
    socket.unsent = 0;
  }
  assertEquals(socket.looks, 5);
});
