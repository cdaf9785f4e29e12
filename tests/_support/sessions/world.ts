/** The parts of the service around some subscriptions of model clients, which random events happen to. */
import { assert } from "@std/assert";
import fc from "fast-check";
import { setImmediate } from "node:timers/promises";
import type { Loss } from "../../../src/log/loss.ts";
import { Stream } from "../../../src/log/stream.ts";
import type { ResumePoint } from "../../../src/log/window.ts";
import { Deliveries } from "../../../src/observe/deliveries.ts";
import { DeliveryTrace } from "../../../src/observe/delivery_trace.ts";
import { toJson } from "../../../src/protocol/frames.ts";
import { notificationTarget } from "../../../src/protocol/target.ts";
import { CatchUpQueue } from "../../../src/sessions/catch_up.ts";
import { Channels } from "../../../src/sessions/channels.ts";
import { FanOut } from "../../../src/sessions/fan_out.ts";
import { Pushes } from "../../../src/sessions/pushes.ts";
import { Subscription } from "../../../src/sessions/subscription.ts";
import { LossQueue } from "../../../src/sessions/subscription/losses.ts";
import type { SubscriptionParts } from "../../../src/sessions/subscription/state.ts";
import { createOutbox } from "../service/outbox.ts";
import { aliceCaller, ALL_KEPT } from "./caller.ts";
import { ANY, type Item, ModelClient } from "./model_client.ts";

const PARTITIONS = 2;
/** More than are served in the first time slice, so that a delivery takes two. */
const OTHERS = 140;
const CLIENTS = 4;
/** More, together for all clients, than one time slice has room for. */
const MANY = 40;
/** The most milliseconds for what is under way to come to its end. Turns may be very short. */
const SETTLE_MS = 10_000;
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
    "cut",
    "replace",
    "set aside",
    "tell of what was set aside",
    "tell of losses",
    "tell of losses",
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

export type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

/** Clients, and the parts of the service that they need. The backend answers when an event says so. */
export class World {
  readonly #stream: Stream;
  readonly #fanOut: FanOut;
  readonly #queue: CatchUpQueue;
  readonly #losses = new LossQueue();
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
  /** By partition: up to where another instance has read records, which come here later, and when. */
  readonly #ahead: ({ until: number; at: number } | undefined)[] = [];
  /** How many items the list has that is being fetched. */
  #count = 0;

  constructor(maxBytes: number) {
    this.#stream = new Stream({ topic: "wss", windowMs: 60_000, maxBytes });
    this.#stream.begin("the first");
    for (let i = 0; i < PARTITIONS; i++) this.#openPartition(i);
    const deliveries = new Deliveries([new DeliveryTrace()]);
    this.#fanOut = new FanOut({ stream: this.#stream, deliveries });
    const pushes = new Pushes({ deliveries });
    this.#queue = new CatchUpQueue({ stream: this.#stream, pushes });
    const { waiting, running, failed } = this.#reloads;
    this.#parts = {
      stream: this.#stream,
      losses: this.#losses,
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
      case "cut":
        return this.#cut(partition, i);
      case "replace":
        return this.#replace(partition === 0);
      case "set aside":
        return this.#setAside(partition);
      case "tell of what was set aside":
        return this.#tellOfSetAside();
      case "tell of losses":
        return this.#tellOfLosses();
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
    const endsAt = performance.now() + SETTLE_MS;
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
      this.#tellOfSetAside();
      this.#tellOfLosses();
      if (performance.now() > endsAt) break;
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
      ? { does, to, payload: toJson(`${"x".repeat(20)}${this.#items.length}`) }
      : { does, to };
    const entry = this.#stream.read(read, delivery);
    this.#items.push({ does, partition, offset: read.offset });
    if (entry) this.#fanOut.start(entry, this.#channels.addressedBy(to));
    this.#stream.window.trim(Date.now());
    this.#queue.onRead();
  }

  #nextRead(partition: number) {
    const now = Date.now();
    // A partition of a new log may be found late.
    if (this.#stream.positions[partition] === undefined) this.#openPartition(partition);
    const offset = this.#stream.positions[partition] ?? 0;
    const ahead = this.#ahead[partition];
    const timestamp = ahead && offset < ahead.until ? ahead.at : now;
    return { partition, offset, timestamp, readAt: now };
  }

  #lose(partition: number): void {
    this.#fanOut.finish();
    const offset = this.#stream.positions[partition] ?? 0;
    const loss = this.#stream.jump(partition, offset + 3);
    this.#items.push({ does: "lose", partition, offset });
    this.#tellOf(loss);
  }

  /** Cuts some records off the end of a partition. Others get their ids. */
  #cut(partition: number, records: number): void {
    this.#fanOut.finish();
    const position = Math.max(0, (this.#stream.positions[partition] ?? 0) - records);
    const loss = this.#stream.cut(partition, position);
    this.#ahead[partition] = undefined;
    for (const item of this.#items) {
      if (item.partition === partition && item.offset >= position) item.isGone = true;
    }
    this.#items.push({ does: "lose", partition: ANY, offset: 0 });
    for (const client of this.#clients) client.noteCut(partition, position);
    this.#tellOf(loss);
  }

  /** Goes on with another log, of which some partitions are found later. */
  #replace(findsAll: boolean): void {
    this.#fanOut.finish();
    const loss = this.#stream.begin(crypto.randomUUID());
    if (!loss) throw new Error("The log was not replaced");
    this.#ahead.length = 0;
    for (const item of this.#items) if (item.partition !== ANY) item.isGone = true;
    this.#items.push({ does: "lose", partition: ANY, offset: 0 });
    for (let i = 0; i < PARTITIONS; i++) {
      for (const client of this.#clients) client.noteCut(i, 0);
    }
    this.#tellOf(loss);
    for (let i = 0; i < (findsAll ? PARTITIONS : 1); i++) this.#openPartition(i);
  }

  #openPartition(partition: number): void {
    this.#stream.open(partition, { first: 0, position: 0 });
  }

  #tellOf(loss: Loss): void {
    this.#losses.add("told", loss);
    this.#queue.onRead();
  }

  #setAside(partition: number): void {
    this.#fanOut.finish();
    const { partition: _, offset: from } = this.#nextRead(partition);
    const loss = this.#stream.setAside(partition, { from, to: from + 2 });
    this.#items.push({ does: "lose", partition, offset: from });
    this.#losses.add("owed", loss);
    this.#queue.onRead();
  }

  #tellOfSetAside(): void {
    this.#losses.add("due", this.#stream.breakHere("records set aside"));
  }

  /** Has all subscriptions take the losses that they have not taken by themselves. */
  #tellOfLosses(): void {
    for (const subscription of this.#all) subscription.takeLosses();
    this.#losses.forget(this.#losses.count);
  }

  /** Replaces a client by one that resumes from a cursor. */
  #resume(i: number, cursor: string | undefined): void {
    const point = this.#locate(cursor);
    if (!cursor || !point) return;
    this.#end(this.#clients[i] as ModelClient);
    const client = this.#open(i);
    client.resume(cursor, { point, other: this.#clients[i] as ModelClient });
    this.#clients[i] = client;
  }

  /** A cursor of an instance that has read a little more of one partition, which has the same records. */
  #aheadOf(cursor: string | undefined, partition: number): string | undefined {
    if (!this.#locate(cursor)) return undefined;
    const positions = [...this.#stream.decode(cursor)?.positions ?? this.#stream.positions];
    const until = positions[partition] = (this.#stream.positions[partition] ?? 0) + 2;
    this.#ahead[partition] = { until, at: Date.now() };
    return this.#stream.cursorAt(positions, positions.map(() => Date.now()));
  }

  /** A client asks for its list with the cursor of another client. */
  #skip(client: ModelClient, other: ModelClient): void {
    const { cursor } = other;
    const point = this.#locate(cursor);
    if (!cursor || !point) return;
    client.skipTo(cursor, { point, other });
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
    const outbox = createOutbox();
    const client = {
      user: "42",
      token: "alice",
      keptCaller: aliceCaller,
      knowsVersion1: true,
      knowsBatches: false,
      outbox,
    };
    for (let i = 0; i < OTHERS; i++) {
      const subscription = new Subscription(TARGET, {
        subscriber: { id: `other-${i}`, ...client },
        list: ALL_KEPT,
        parts: this.#parts,
      });
      this.#all.add(subscription);
      this.#channels.add(subscription);
    }
  }
}

export const events = fc.array(event, { minLength: 10, maxLength: 60 });
