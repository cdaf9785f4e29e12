/**
 * Subscriptions against a simple model, with random sequences of all events: each client has in the end
 * everything that was published, each update at most once and in order, and no cursor skips anything.
 */
import { assert } from "@std/assert";
import fc from "fast-check";
import { setImmediate } from "node:timers/promises";
import { type ResumePoint, Stream } from "../../src/log/stream.ts";
import { Deliveries } from "../../src/observe/deliveries.ts";
import { DeliveryTrace } from "../../src/observe/delivery_trace.ts";
import { toJson } from "../../src/protocol/frames.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import { CatchUpQueue } from "../../src/sessions/catch_up.ts";
import { Channels } from "../../src/sessions/channels.ts";
import { FanOut } from "../../src/sessions/fan_out.ts";
import { Pushes } from "../../src/sessions/pushes.ts";
import { Subscription } from "../../src/sessions/subscription.ts";
import type { SubscriptionParts } from "../../src/sessions/subscription_state.ts";
import { type Item, ModelClient } from "../_support/sessions/model_client.ts";

const PARTITIONS = 2;
/** More than are served in the first time slice, so that a delivery takes two. */
const OTHERS = 140;
const CLIENTS = 4;
/** More, together for all clients, than one time slice has room for. */
const MANY = 40;
const TARGET = notificationTarget({ userId: "42", types: [] });

/** What may happen, and to which of the clients. */
const event = fc.record({
  what: fc.constantFrom(
    "publish",
    "publish",
    "publish",
    "publish many",
    "publish to others",
    "publish a reload",
    "lose",
    "turn",
    "turn",
    "ask",
    "reply",
    "fail",
    "resume",
    "resume ahead",
    "ask with a cursor",
    "end",
    "read nothing",
    "fill",
    "drain",
    "start reloads",
    "answer reloads",
    "fail reloads",
    "retry reloads",
    "tell the live end",
  ),
  client: fc.nat({ max: CLIENTS - 1 }),
  partition: fc.nat({ max: PARTITIONS - 1 }),
});

type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

/** The parts of the service around some clients, with a backend that answers when an event says so. */
class World {
  readonly #stream: Stream;
  readonly #fanOut: FanOut;
  readonly #queue: CatchUpQueue;
  readonly #parts: SubscriptionParts<Subscription>;
  readonly #channels = new Channels();
  readonly #items: Item[] = [];
  readonly #clients: ModelClient[] = [];
  readonly #all = new Set<Subscription>();
  /** Reloads that were requested, are being fetched, and will be tried again. */
  readonly #reloads = {
    waiting: new Set<Subscription>(),
    running: new Set<Subscription>(),
    failed: new Set<Subscription>(),
  };
  /** How many items the list has that is being fetched. */
  #count = 0;

  constructor(maxBytes: number) {
    this.#stream = new Stream({ topic: "wss", windowMs: 60_000, maxBytes });
    for (let i = 0; i < PARTITIONS; i++) this.#stream.open(i, { first: 0, position: 0 });
    const deliveries = new Deliveries([new DeliveryTrace()]);
    this.#fanOut = new FanOut({ stream: this.#stream, deliveries });
    const pushes = new Pushes({ deliveries });
    this.#queue = new CatchUpQueue({ stream: this.#stream, pushes });
    const { waiting, running, failed } = this.#reloads;
    this.#parts = {
      stream: this.#stream,
      fanOut: this.#fanOut,
      catchUpQueue: this.#queue,
      pushes,
      reloads: {
        request: (subscription) => {
          failed.delete(subscription);
          waiting.add(subscription);
          this.#noteReload(subscription, true);
        },
        requestLater: (subscription) => void failed.add(subscription),
        cancel: (subscription) => {
          for (const reloads of [waiting, running, failed]) reloads.delete(subscription);
          this.#noteReload(subscription, false);
        },
        renew() {},
      },
    };
    for (let i = 0; i < CLIENTS; i++) {
      if (i === CLIENTS / 2) this.#openOthers();
      this.#clients.push(this.#open(i));
    }
  }

  async happen({ what, partition, client: i }: Event): Promise<void> {
    const { failed } = this.#reloads;
    const client = this.#clients[i] as ModelClient;
    switch (what) {
      case "publish":
        return this.#publish(partition, "update");
      case "publish many":
        for (let n = 0; n < MANY; n++) this.#publish(n % PARTITIONS, "update");
        return;
      case "publish to others":
        this.#fanOut.finish();
        this.#stream.read(this.#nextRead(partition), null);
        return this.#queue.onRead();
      case "publish a reload":
        return this.#publish(partition, "reload");
      case "lose":
        return this.#lose(partition);
      case "turn":
        return await setImmediate();
      case "ask":
        return client.ask();
      case "reply":
        return client.reply({ isOk: true });
      case "fail":
        return client.reply({ isOk: false });
      case "resume":
        return this.#resume(i, client.cursor);
      case "resume ahead":
        return this.#resume(i, this.#aheadOf(client.cursor, partition));
      case "ask with a cursor":
        return this.#skip(client, this.#clients[partition] as ModelClient);
      case "end":
        return this.#end(client);
      case "read nothing":
        client.isSlow = true;
        return;
      case "fill":
        return client.fill();
      case "drain":
        client.isSlow = false;
        return client.drain();
      case "start reloads":
        return this.#startReloads();
      case "answer reloads":
        return this.#answerReloads(true);
      case "fail reloads":
        return this.#answerReloads(false);
      case "retry reloads":
        for (const subscription of [...failed]) {
          failed.delete(subscription);
          subscription.reloadByItself();
        }
        return;
      case "tell the live end":
        for (const each of this.#clients) each.tellLiveEnd();
        return;
    }
  }

  /** Expects that no client was sent anything wrong. */
  check(): void {
    for (const client of this.#clients) client.check();
  }

  /** Expects that no client was told that it has missed something. */
  checkNothingLost(): void {
    assert(this.#clients.every(({ isResynced }) => !isResynced), "there was a resync in vain");
  }

  /** Lets everything that is under way come to its end, and expects that each client has everything. */
  async settle(): Promise<void> {
    const { waiting, running, failed } = this.#reloads;
    // Some clients may have cursors that are ahead of this instance.
    for (let n = 0; n < 3 * PARTITIONS; n++) this.#publish(n % PARTITIONS, "update");
    let rounds = 0;
    do {
      for (const client of this.#clients) {
        client.isSlow = false;
        client.drain();
        client.reply({ isOk: true });
      }
      await setImmediate();
      this.#startReloads();
      this.#answerReloads(true);
      for (const subscription of failed) subscription.reloadByItself();
      failed.clear();
      if (++rounds > 1000) break;
    } while (
      this.#fanOut.finishing || waiting.size + running.size > 0 ||
      [...this.#all].some((subscription) => !subscription.isLive)
    );
    for (const client of this.#clients) client.checkDone();
  }

  #publish(partition: number, does: "update" | "reload"): void {
    // As `consume` does: the record before is delivered in full before another one is read.
    this.#fanOut.finish();
    const to = { by: "user", user: "42", type: "a" } as const;
    const read = this.#nextRead(partition);
    const delivery = does === "update"
      ? { does, to, payload: toJson("x".repeat(20)) }
      : { does, to };
    const entry = this.#stream.read(read, delivery);
    this.#items.push({ does, partition, offset: read.offset });
    if (entry) this.#fanOut.start(entry, this.#channels.addressedBy(to));
    this.#stream.window.trim(Date.now());
    this.#queue.onRead();
  }

  #nextRead(partition: number) {
    const now = Date.now();
    const offset = this.#stream.positions[partition] ?? 0;
    return { partition, offset, timestamp: now, readAt: now };
  }

  #lose(partition: number): void {
    this.#fanOut.finish();
    const offset = this.#stream.positions[partition] ?? 0;
    const loss = this.#stream.jump(partition, offset + 3);
    this.#items.push({ does: "lose", partition, offset });
    for (const subscription of this.#all) subscription.lose(loss);
  }

  /** Replaces a client by one that resumes from a cursor. */
  #resume(i: number, cursor: string | undefined): void {
    const point = this.#locate(cursor);
    if (!cursor || !point) return;
    this.#end(this.#clients[i] as ModelClient);
    const client = this.#open(i);
    this.#clients[i] = client;
    client.resume(cursor, point);
  }

  /** A cursor of an instance that has read a little more of one partition, which has the same records. */
  #aheadOf(cursor: string | undefined, partition: number): string {
    const positions = [...this.#stream.decode(cursor)?.positions ?? this.#stream.positions];
    positions[partition] = (this.#stream.positions[partition] ?? 0) + 2;
    // That instance has read them, so its cursor is not older. Here they are published later.
    return this.#stream.cursorAt(positions, Date.now() + 60_000);
  }

  /** A client asks for its list with the cursor of another client. */
  #skip(client: ModelClient, { cursor }: ModelClient): void {
    const point = this.#locate(cursor);
    if (cursor && point) client.skipTo(cursor, point);
  }

  #locate(text: string | undefined): ResumePoint | null {
    const cursor = this.#stream.decode(text);
    const found = cursor && this.#stream.locate(cursor, TARGET);
    return typeof found === "string" ? null : found;
  }

  #end(client: ModelClient): void {
    if (!this.#all.delete(client.subscription)) return;
    this.#channels.remove(client.subscription);
    client.end();
  }

  #startReloads(): void {
    const { waiting, running } = this.#reloads;
    if (this.#fanOut.finishing || running.size > 0) return;
    this.#count = this.#items.length;
    for (const subscription of waiting) {
      running.add(subscription);
      subscription.reloadStarted();
    }
    waiting.clear();
  }

  #answerReloads(isOk: boolean): void {
    for (const subscription of [...this.#reloads.running]) {
      if (!this.#reloads.running.delete(subscription)) continue;
      this.#noteReload(subscription, false);
      subscription.reloaded(isOk ? toJson(this.#count) : null);
    }
  }

  #noteReload(subscription: Subscription, isReloading: boolean): void {
    const client = this.#clients.find((client) => client.subscription === subscription);
    if (client) client.isReloading = isReloading;
  }

  #open(i: number): ModelClient {
    const client = new ModelClient(TARGET, {
      items: this.#items,
      stream: this.#stream,
      parts: this.#parts,
      knowsVersion1: i % 2 === 0,
      knowsBatches: i === 3,
    });
    this.#all.add(client.subscription);
    this.#channels.add(client.subscription);
    return client;
  }

  /** Opens subscriptions whose clients take everything. */
  #openOthers(): void {
    const outbox = { send() {}, unsentBytes: 0, isBehind: false, hasRoom: true, whenRoom() {} };
    const client = { user: "42", token: "alice", knowsVersion1: true, knowsBatches: false, outbox };
    for (let i = 0; i < OTHERS; i++) {
      const subscription = new Subscription(TARGET, {
        subscriber: { id: `other-${i}`, ...client },
        list: { api: "notification" },
        parts: this.#parts,
      });
      this.#all.add(subscription);
      this.#channels.add(subscription);
    }
  }
}

const events = fc.array(event, { minLength: 10, maxLength: 60 });
/** Bytes of about eight records. */
const SMALL_WINDOW = 3000;
const maxBytes = fc.constantFrom(SMALL_WINDOW, 1_000_000);

Deno.test("[DEL1][DEL2][DEL3] whatever happens, each client gets everything, in order, and none of it twice", async () => {
  await fc.assert(
    fc.asyncProperty(maxBytes, events, async (maxBytes, events) => {
      const world = new World(maxBytes);
      for (const event of events) {
        await world.happen(event);
        world.check();
      }
      await world.settle();
      const causes: Event["what"][] = ["lose", "fail reloads"];
      const isLossless = maxBytes > SMALL_WINDOW &&
        !events.some(({ what }) => causes.includes(what));
      if (isLossless) world.checkNothingLost();
    }),
    { numRuns: 200 },
  );
});
