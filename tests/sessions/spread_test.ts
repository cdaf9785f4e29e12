import FakeTimers, { type Clock } from "@sinonjs/fake-timers";
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import { Freshness } from "../../src/log/freshness.ts";
import { FanOut } from "../../src/sessions/fan_out.ts";
import { StreamStatus } from "../../src/sessions/stream_status.ts";
import { NULL } from "../../src/protocol/frames.ts";
import { Revalidation } from "../../src/sessions/revalidation.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import { Stream } from "../../src/log/stream.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import { Deliveries } from "../../src/observe/deliveries.ts";
import { CatchUpQueue } from "../../src/sessions/catch_up.ts";
import { Pushes } from "../../src/sessions/pushes.ts";
import type { Session } from "../../src/sessions/session.ts";
import { LossQueue } from "../../src/sessions/subscription/losses.ts";
import { createOutbox } from "../_support/service/outbox.ts";
import { ALL_KEPT } from "../_support/sessions/caller.ts";

const stream = new Stream({ topic: "wss", windowMs: 1000, maxBytes: 1000 });
const deliveries = new Deliveries([]);
const fanOut = new FanOut({ stream, deliveries });
const pushes = new Pushes({ deliveries });
/** The sessions get no records, so no list is fetched again. */
const reloads = { request() {}, requestLater() {}, cancel() {}, renew() {}, asked() {} };
const catchUpQueue = new CatchUpQueue({ stream, pushes });
const parts = { stream, pushes, fanOut, reloads, catchUpQueue };
const countParts = { reloads, deliveries };

async function withClock(work: (clock: Clock) => Promise<void>) {
  const clock = FakeTimers.install();
  try {
    await work(clock);
  } finally {
    clock.uninstall();
  }
}

function openSession(sessions: Sessions, outbox: ReturnType<typeof createOutbox>): Session {
  return sessions.open({
    knowsVersion1: true,
    knowsBatches: false,
    endpoint: "/web",
    address: "127.0.0.1",
    connection: { closeAsRefused() {} },
    outbox,
  });
}

/** Advances a clock, and gives by how much a count grows in each second. */
async function countBySecond(clock: Clock, { seconds, count }: {
  seconds: number;
  count: () => number;
}): Promise<number[]> {
  const counts = [];
  for (let second = 0; second < seconds; second++) {
    const before = count();
    await clock.tickAsync(1000);
    counts.push(count() - before);
  }
  return counts;
}

Deno.test("[AUTH6] if 10,000 sessions log in at once, their tokens are checked over a minute", () =>
  withClock(async (clock) => {
    let checks = 0;
    const revalidation = new Revalidation({
      tokens: {
        check(token) {
          checks++;
          return Promise.resolve({
            status: "ok",
            user: token,
            payload: NULL,
            expiresAt: null,
          });
        },
        worksForOthers: () => true,
      },
      periodMs: 300_000,
    });
    const sessions = new Sessions({
      parts,
      countParts,
      fanOut,
      deliveries,
      onToken: (session) => revalidation.onToken(session),
    });
    const timers = clock.countTimers();
    for (let i = 0; i < 10_000; i++) {
      const session = openSession(sessions, createOutbox());
      session.logIn({ user: `user-${i}`, token: `user-${i}`, expiresAt: null });
    }

    assertEquals(clock.countTimers(), timers, "no timer for each session");
    const counts = await countBySecond(clock, { seconds: 660, count: () => checks });
    // 300 s, 10 % more or less, and one tick.
    assertEquals(counts.slice(0, 269).filter((count) => count > 0), []);
    assertEquals(counts.slice(0, 331).reduce((sum, count) => sum + count), 10_000);
    assertEquals(checks, 20_000);
    assert(Math.max(...counts) < 2 * 10_000 / 60, `${Math.max(...counts)} in a second`);
    revalidation.stop();
  }));

Deno.test("[DEL8] if pushes are held back when a cursor is due, the session gets it soon after", () =>
  withClock(async (clock) => {
    let told = 0;
    const sessions = new Sessions({ parts, countParts, fanOut, deliveries, onToken() {} });
    const freshness = new Freshness({ afterMs: 15_000, now: Date.now() });
    const streamStatus = new StreamStatus({
      sessions,
      stream,
      freshness,
      deliveries,
      maxMessageBytes: 4096,
      periodMs: 25_000,
    });
    stream.open(0, { first: 0, position: 0 });
    const outbox = createOutbox(() => told++);
    const session = openSession(sessions, outbox);
    const target = notificationTarget({ userId: "42", types: [] });
    const subscription = session.subscribe(target, ALL_KEPT);
    subscription.isAnswered = true;
    subscription.hold();
    streamStatus.add(session);
    freshness.tell({ ends: new Map([[0, { end: 0, stableEnd: 0 }]]), askedAt: Date.now() + 1e9 });

    await clock.tickAsync(30_000);
    const toldMeanwhile = told;
    subscription.release();
    await clock.tickAsync(1000);

    assertEquals([toldMeanwhile, told], [0, 1]);
    streamStatus.stop();
  }));

Deno.test("[DEL8] 100,000 sessions get their cursors spread over the period, without a timer each", () =>
  withClock(async (clock) => {
    let told = 0;
    const sessions = new Sessions({ parts, countParts, fanOut, deliveries, onToken() {} });
    const freshness = new Freshness({ afterMs: 15_000, now: Date.now() });
    const streamStatus = new StreamStatus({
      sessions,
      stream,
      freshness,
      deliveries,
      maxMessageBytes: 4096,
      periodMs: 25_000,
    });
    stream.open(0, { first: 0, position: 0 });
    const timers = clock.countTimers();
    const target = notificationTarget({ userId: "42", types: [] });
    for (let i = 0; i < 100_000; i++) {
      const session = openSession(sessions, createOutbox(() => told++));
      session.subscribe(target, ALL_KEPT).isAnswered = true;
      streamStatus.add(session);
    }

    assertEquals(clock.countTimers(), timers, "no timer for each session");
    freshness.tell({ ends: new Map([[0, { end: 0, stableEnd: 0 }]]), askedAt: Date.now() + 1e9 });
    const counts = await countBySecond(clock, { seconds: 25, count: () => told });
    assert(Math.abs(told - 100_000) < 2000, `${told} were told`);
    for (const count of counts) assert(Math.abs(count / 4000 - 1) < 0.2, `${counts}`);
    streamStatus.stop();
  }));

/** Opens sessions of one user, each with a subscription. `onSend` is called for each frame. */
function openMany(sessions: Sessions, { count, onSend }: { count: number; onSend: () => void }) {
  const target = notificationTarget({ userId: "42", types: [] });
  return Array.from({ length: count }, () => {
    const session = openSession(sessions, createOutbox(onSend));
    session.logIn({ user: "42", token: "alice", expiresAt: null });
    session.subscribe(target, ALL_KEPT).isAnswered = true;
    return session;
  });
}

/** Begins something, and counts what is done of it in each turn of the event loop, until all is done. */
async function countByTurn(begin: () => void, done: () => number, all: number): Promise<number[]> {
  const counts: number[] = [];
  const before = done();
  begin();
  for (let sum = 0; sum < all;) {
    const count = done() - before - sum;
    // There are many turns without any while the work pauses.
    if (count > 0) counts.push(count);
    sum += count;
    await setImmediate();
  }
  return counts;
}

/** Many subscriptions, and how often one of them was to proceed because of a loss. */
function openManyLosing() {
  const stream = new Stream({ topic: "wss", windowMs: 1000, maxBytes: 1000 });
  stream.open(0, { first: 0, position: 0 });
  const losing = { stream, taken: 0 };
  const catchUpQueue = {
    read: () => null,
    waitsForRoom: () => false,
    proceedLater: () => void losing.taken++,
    remove() {},
  };
  const sessions = new Sessions({
    parts: { ...parts, stream, catchUpQueue },
    countParts,
    fanOut,
    deliveries,
    onToken() {},
  });
  openMany(sessions, { count: 20_000, onSend() {} });
  return Object.assign(losing, { sessions });
}

Deno.test("[DEL12] a loss is taken by 20,000 subscriptions in many turns, by each once", async () => {
  const losing = openManyLosing();
  const { sessions, stream } = losing;

  const counts = await countByTurn(
    () => sessions.lose(stream.jump(0, 3)),
    () => losing.taken,
    20_000,
  );

  assert(Math.max(...counts) <= 128, `${counts}`);
  assertEquals(losing.taken, 20_000);
});

Deno.test("[KAF9] 100 records that are set aside are taken by 20,000 subscriptions in many turns, by each once", async () => {
  const losing = openManyLosing();
  const { sessions, stream } = losing;
  for (let from = 0; from < 100; from++) sessions.owe(stream.setAside(0, { from, to: from + 1 }));
  const before = losing.taken;

  let isDone: boolean | undefined;
  const counts = await countByTurn(
    () => sessions.settle(stream.breakHere("records set aside")).then((done) => isDone = done),
    () => losing.taken,
    20_000,
  );

  assert(Math.max(...counts) <= 128, `${counts}`);
  assertEquals([before, losing.taken, isDone], [0, 20_000, true]);
});

Deno.test("[KAF9] however many records are set aside, a subscription takes them as one loss", () => {
  const stream = new Stream({ topic: "wss", windowMs: 1000, maxBytes: 1000 });
  for (const partition of [0, 1]) stream.open(partition, { first: 0, position: 0 });
  const losses = new LossQueue();

  for (let from = 0; from < 1000; from++) {
    losses.add("owed", stream.setAside(0, { from, to: from + 1 }));
    // What is read in between is not lost.
    stream.advance(1, from + 1);
  }
  losses.add("due", stream.breakHere("records set aside"));
  const told = losses.count;
  losses.add("owed", stream.setAside(0, { from: 1000, to: 1001 }));

  const news = losses.after(0).map(({ kind, before, after }) => [kind, before, after]);
  const latest = ["owed", [1000, 1000], [1001, 1000]];
  assertEquals(news, [
    ["owed", [0, 0], [1000, 0]],
    ["due", [1000, 1000], [1000, 1000]],
    latest,
  ]);
  losses.forget(told);
  assertEquals(losses.after(0).map(({ kind, before, after }) => [kind, before, after]), [latest]);
  assertEquals(losses.after(losses.count), []);
});

Deno.test("[KAF5] a user with 10,000 sessions is logged out in many turns; a session that logs in again meanwhile stays", async () => {
  const sessions = new Sessions({ parts, countParts, fanOut, deliveries, onToken() {} });
  let told = 0;
  const all = openMany(sessions, { count: 10_000, onSend: () => told++ });
  const last = all.at(-1) as Session;

  const counts = await countByTurn(
    () => {
      sessions.revoke("42");
      last.logIn({ user: "42", token: "alice2", expiresAt: null });
    },
    () => told,
    9_999,
  );

  assert(Math.max(...counts) <= 128, `${counts}`);
  assertEquals(sessions.ofUser("42"), [last]);
  assertEquals(last.token, "alice2");
});
