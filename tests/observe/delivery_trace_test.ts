import { assert, assertEquals } from "@std/assert";
import type { OwnStep } from "../../src/observe/deliveries.ts";
import { Fifo } from "../../src/util/fifo.ts";
import type { Entry } from "../../src/log/window.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import { briefOf, DeliveryTrace } from "../../src/observe/delivery_trace.ts";

const EVERYBODY = () => true;

function entry(seq: number, timestamp = Date.now()): Entry {
  const to = { by: "user", user: "42", type: "message" } as const;
  const delivery = { does: "reload", to } as const;
  return { seq, partition: 0, offset: seq, timestamp, readAt: Date.now(), delivery };
}

/** A push to sessions as soon as the message was read. */
function pushes(subscription: string, ...sessions: string[]) {
  return { subscription, sessions, at: Date.now() };
}

function step(session: string, subscription: string, what: OwnStep["what"]): OwnStep {
  return { session, subscription, what, at: Date.now() };
}

/** What a generator returns in the end. */
function resultOf<R>(steps: Generator<void, R>): R {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function login(n: number, user: string | null) {
  return { kind: "login", session: `s${n}`, user, from: n, to: n, why: "logged out" } as const;
}

Deno.test("the delivery trace forgets the pushes of the oldest messages first, and says so", () => {
  const trace = new DeliveryTrace({ maxSteps: 10, maxPast: 10 });
  trace.sent(entry(0), pushes("a", "s1", "s2"));
  trace.stepped(entry(1), step("s1", "a", "caught up"));
  trace.sent(entry(2), pushes("a", "s1", "s2", "s3", "s4", "s5", "s6", "s7"));
  assertEquals([trace.size, trace.isForgotten(entry(0))], [10, false]);

  trace.sent(entry(4), pushes("a", "s1"));

  assertEquals(trace.size, 9);
  assertEquals([0, 1, 2, 3, 4].map((seq) => trace.isForgotten(entry(seq))), [
    true,
    false,
    false,
    false,
    false,
  ]);
  trace.sent(entry(5), pushes("a", ...Array.from({ length: 11 }, (_, n) => `s${n}`)));
  assertEquals([trace.size, trace.isForgotten(entry(5))], [0, true]);
});

/** An array that counts how many of its elements are moved to another place. */
class Watched extends Array<number> {
  static moved = 0;

  override slice(start = 0): number[] {
    Watched.moved += this.length - start;
    return super.slice(start);
  }

  override shift(): number | undefined {
    Watched.moved += this.length;
    return super.shift();
  }
}

Deno.test("the queue of the delivery trace moves less than one element for each that it forgets", () => {
  const size = 10_000;
  const taken = 10 * size;
  const queue = new Fifo<number>(Watched.from({ length: size }, (_, n) => n));
  Watched.moved = 0;
  for (let n = 0; n < taken; n++) {
    assertEquals(queue.first, n);
    queue.push(size + n);
    queue.shift();
  }
  assertEquals([queue.length, queue.first], [size, taken]);
  assert(Watched.moved > 0 && Watched.moved <= taken, `${Watched.moved} moved`);
});

Deno.test("the delivery trace tells the steps of the recipients that are asked about, and counts the rest", () => {
  const trace = new DeliveryTrace();
  trace.sent(entry(0), pushes("a", "s1", "s2", "s3"));
  trace.stepped(entry(0), step("s4", "b", "held back: catching up"));
  trace.stepped(entry(0), step("s4", "b", "caught up"));

  const all = resultOf(trace.recipientsOf(entry(0), EVERYBODY, { limit: 2 }));
  assertEquals([all.count, all.steps.length], [4, 2]);
  const { count, steps: [steps] } = resultOf(
    trace.recipientsOf(entry(0), ({ session }) => session === "s4", { limit: 2 }),
  );
  assertEquals([count, steps?.map(({ what }) => what)], [
    1,
    ["held back: catching up", "caught up"],
  ]);
});

Deno.test("what guests do does not make the delivery trace forget what users did", () => {
  const trace = new DeliveryTrace({ maxSteps: 10, maxPast: 3 });
  for (const n of [1, 2, 3, 4]) trace.ended(login(n, "42"));
  for (let n = 5; n < 100; n++) trace.ended(login(n, null));
  assertEquals([...trace.past()].map(({ to }) => to), [2, 3, 4, 97, 98, 99]);
});

Deno.test("little is remembered of a target, however long a client has made it", () => {
  const types = ["short", "x".repeat(60_000), ...Array.from({ length: 100 }, (_, n) => `t${n}`)];
  const brief = briefOf(notificationTarget({ userId: "42", types }));
  assertEquals([brief.types?.length, brief.types?.[0], brief.types?.[1]], [20, "short", "…"]);
});

Deno.test("the delivery trace remembers what happens later to messages that were for nobody at first", () => {
  const trace = new DeliveryTrace();
  trace.sent(entry(3), pushes("a", "s1"));
  trace.stepped(entry(1), step("s2", "a", "caught up"));
  trace.stepped(entry(3), step("s2", "a", "caught up"));
  const whatOf = (seq: number) =>
    resultOf(trace.recipientsOf(entry(seq), EVERYBODY, { limit: 9 })).steps
      .map((steps) => steps.map(({ session, what }) => `${session} ${what}`));

  assertEquals([0, 1, 2, 3, 4].map(whatOf), [
    [],
    [["s2 caught up"]],
    [],
    [["s1 sent"], ["s2 caught up"]],
    [],
  ]);
  trace.trim(2);
  assertEquals([trace.size, whatOf(1).length, whatOf(3).length], [2, 0, 2]);
  trace.trim(5);
  trace.stepped(entry(4), step("s1", "a", "caught up"));
  assertEquals([trace.size, whatOf(3).length], [0, 0]);
});

Deno.test("what happens to a message whose steps were forgotten does not look as if it were all", () => {
  const trace = new DeliveryTrace({ maxSteps: 2, maxPast: 10 });
  for (const seq of [0, 1, 2]) trace.sent(entry(seq), pushes("a", "s1"));
  trace.stepped(entry(0), step("s2", "a", "caught up"));
  assertEquals([trace.isForgotten(entry(0)), trace.isForgotten(entry(1)), trace.size], [
    true,
    false,
    2,
  ]);
});
