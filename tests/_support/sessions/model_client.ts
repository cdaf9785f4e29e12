/** A client of one subscription that checks its frames against what was published. */
import { assert, assertEquals } from "@std/assert";
import type { Stream } from "../../../src/log/stream.ts";
import type { ResumePoint } from "../../../src/log/window.ts";
import { toJson } from "../../../src/protocol/frames.ts";
import type { Target } from "../../../src/protocol/target.ts";
import { Subscription } from "../../../src/sessions/subscription.ts";
import type { SubscriptionParts } from "../../../src/sessions/subscription/state.ts";
import { createListRoom } from "../service/outbox.ts";
import { aliceCaller, ALL_KEPT } from "./caller.ts";

/** Something that the subscription's client must get to know: an update, a reload, or a loss. */
export interface Item {
  readonly does: "update" | "reload" | "lose";
  /** {@linkcode ANY} for the loss of a log, or of a part of it, whose ids stand for other records now. */
  readonly partition: number;
  readonly offset: number;
  /** Whether it is not in the log any more, so that nobody may get it. */
  isGone?: true;
}

/** In place of a partition. */
export const ANY = -1;

/** What a client has got on another connection. */
interface Elsewhere {
  readonly point: ResumePoint;
  readonly other: ModelClient;
}

/** Bytes that may be unsent. */
const MAX_UNSENT = 800;

/** A client, its session's outbox, and its subscription. */
export class ModelClient {
  readonly subscription: Subscription;
  readonly #stream: Stream;
  /** Everything that was published so far; it grows. */
  readonly #items: readonly Item[];
  /** By index of the item: whether the client has it, or a list that includes it. */
  readonly #got: boolean[] = [];
  /** By partition: the offset up to which the client has everything from elsewhere, by its cursors. */
  readonly #elsewhere: number[] = [];
  /** The offset of the latest update, by partition. */
  readonly #latest: number[] = [];
  /** The reply that is under way: with a list of so many items, or with the cursor from which it resumes. */
  #reply: { count: number; seq: number } | { cursor: string } | null = null;
  #hasEnded = false;
  #unsent = 0;
  #onRoom: (() => void)[] = [];
  /** Whether the client reads nothing. */
  isSlow = false;
  /** Whether it got the news that it has missed something. */
  isResynced = false;
  /** Whether a `resync`, or a list after a loss, lets it begin anew. It may get again what it has from elsewhere. */
  #isAnew = false;
  /** Whether a reload of its list is under way. */
  isReloading = false;
  /** The first problem in the frames that it got. */
  failure: unknown;
  /** The cursor that the client got last. */
  cursor: string | undefined;

  constructor(target: Target, { items, stream, parts, knowsVersion1, knowsBatches }: {
    items: readonly Item[];
    stream: Stream;
    parts: SubscriptionParts<Subscription>;
    knowsVersion1: boolean;
    knowsBatches: boolean;
  }) {
    this.#items = items;
    this.#stream = stream;
    this.#getAll();
    const unsent = () => this.#unsent;
    this.subscription = new Subscription(target, {
      subscriber: {
        id: crypto.randomUUID(),
        user: "42",
        token: "alice",
        keptCaller: aliceCaller,
        knowsVersion1,
        knowsBatches,
        outbox: {
          send: (frame) => this.#receive(frame),
          lists: createListRoom(),
          whenRoom: (proceed) => void this.#onRoom.push(proceed),
          get unsentBytes() {
            return unsent();
          },
          get isBehind() {
            return unsent() > MAX_UNSENT;
          },
          get hasRoom() {
            return unsent() < MAX_UNSENT / 2;
          },
        },
      },
      list: ALL_KEPT,
      parts,
    });
  }

  /** Begins again from another client's cursor, while it is new. */
  resume(cursor: string, elsewhere: Elsewhere): void {
    const { point } = elsewhere;
    this.#got.length = 0;
    this.#getElsewhere(elsewhere);
    this.subscription.hold();
    this.subscription.beginAt(point);
    this.#reply = { cursor };
  }

  /** Notes that other records get the ids of a partition from this offset on. */
  noteCut(partition: number, offset: number): void {
    this.#latest[partition] = Math.min(this.#latest[partition] ?? -1, offset - 1);
    this.#elsewhere[partition] = Math.min(this.#elsewhere[partition] ?? 0, offset);
  }

  /** Asks for its list once more, with another client's cursor. */
  skipTo(cursor: string, elsewhere: Elsewhere): void {
    const { point } = elsewhere;
    if (this.#hasEnded || this.#reply) return;
    if (!this.subscription.hasServedFrom(point.positions)) return;
    this.subscription.hold();
    this.subscription.skipTo(point);
    this.#getElsewhere(elsewhere);
    this.#reply = { cursor };
  }

  /** Asks for its list, as a command does. */
  ask(): void {
    if (this.#hasEnded || this.#reply) return;
    this.subscription.hold();
    const { nextSeq: seq } = this.#stream.window;
    this.#reply = { count: this.#items.length, seq };
  }

  /** Gets the reply that it waits for. */
  reply({ isOk }: { isOk: boolean }): void {
    const reply = this.#reply;
    if (!reply || this.#hasEnded) return;
    this.#reply = null;
    // A reply without a list can't fail.
    if ("cursor" in reply) {
      this.#learn(reply.cursor);
    } else if (isOk) {
      this.subscription.listedAt(reply.seq);
      this.#getList(reply.count);
      this.#learn(this.subscription.cursor);
    }
    this.subscription.release();
  }

  /** Reads nothing any more, when so much is unsent that there is no room, but it is not behind. */
  fill(): void {
    this.isSlow = true;
    this.#unsent = Math.max(this.#unsent, MAX_UNSENT / 2);
  }

  /** Reads all that is unsent. */
  drain(): void {
    this.#unsent = 0;
    for (const proceed of this.#onRoom.splice(0)) proceed();
  }

  end(): void {
    this.subscription.end();
    this.#hasEnded = true;
  }

  /** Takes the cursor of the live end, which a live client of version 1 may get at any time (DEL8). */
  tellLiveEnd(): void {
    const { isLive, subscriber } = this.subscription;
    if (isLive && subscriber.knowsVersion1) this.#learn(this.#stream.cursor);
  }

  /** Expects that nothing was wrong so far. */
  check(): void {
    if (this.failure) throw this.failure;
  }

  /** Expects that nothing is missing. */
  checkDone(): void {
    if (this.#hasEnded) return;
    this.check();
    assert(this.subscription.isLive, "the subscription is not live");
    assertEquals(
      this.#items.filter((item, index) => !item.isGone && !this.#has(item, index)),
      [],
      "not all was sent",
    );
  }

  #receive(frame: string): void {
    try {
      this.#take(frame);
    } catch (failure) {
      // Kept, so that the test throws it later: an error here would go to the sender.
      this.failure ??= failure;
    }
  }

  #take(frame: string): void {
    assert(!this.#hasEnded, "an ended subscription was sent something");
    if (this.isSlow) this.#unsent += frame.length;
    const { status, payload, id, cursor } = JSON.parse(frame);
    if (status === "update") this.#receiveUpdate(id, Number(payload.replaceAll("x", "")));
    else if (status === "reload") this.#getList(payload);
    else this.#beginAnew();
    this.#learn(cursor);
  }

  /** @param index That of the item, which the payload has: ids may come again */
  #receiveUpdate(id: string, index: number): void {
    assertEquals([this.#reply, this.isReloading], [null, false], `${id} was not held back`);
    const [partition = 0, offset = 0] = id.split("-").map(Number);
    const isStrict = this.subscription.subscriber.knowsVersion1 && !this.#isAnew;
    const elsewhere = isStrict ? this.#elsewhere[partition] ?? 0 : 0;
    const latest = Math.max(this.#latest[partition] ?? -1, elsewhere - 1);
    assert(offset > latest, `${id} was pushed after ${partition}-${latest}`);
    this.#latest[partition] = offset;
    const item = this.#items[index];
    assertEquals([item?.does, item?.partition, item?.offset], ["update", partition, offset]);
    assert(!item?.isGone, `${id} is of a log that was replaced or cut back`);
    this.#got[index] = true;
  }

  /** Takes a cursor. If the client resumed from it, it would miss nothing. */
  #learn(cursor: string): void {
    this.cursor = cursor;
    const decoded = this.#stream.decode(cursor);
    // It gets the list (DEL13).
    if (!decoded || this.#stream.isOfOtherLog(decoded)) return;
    const { positions, timeMs } = decoded;
    if (timeMs === 0) {
      const found = this.#stream.locate(decoded, this.subscription.target);
      assertEquals(typeof found, "string", "a cursor in front of a loss got no list");
      return;
    }
    const isBehind = ({ partition, offset, isGone }: Item) =>
      !isGone && (partition === ANY || offset < (positions[partition] ?? 0));
    // A cursor in front of a reload gets a list (DEL6), which includes what earlier reloads ask for.
    const nextReload = this.#items.findLastIndex((item) =>
      item.does === "reload" && !isBehind(item)
    );
    const missing = this.#items.filter((item, index) =>
      isBehind(item) && !this.#has(item, index) && !(item.does === "reload" && index < nextReload)
    );
    assertEquals(missing, [], `the cursor ${toJson(positions)} is too far`);
  }

  #has({ partition, offset }: Item, index: number): boolean {
    return this.#got[index] === true || offset < (this.#elsewhere[partition] ?? 0);
  }

  /** Asks for its list, as a resync says. */
  #beginAnew(): void {
    this.isResynced = true;
    this.#isAnew = true;
    this.#getAll();
  }

  #getList(count: number): void {
    this.#isAnew ||= this.#items.slice(0, count).some(({ does }, index) =>
      does === "lose" && !this.#got[index]
    );
    this.#getUntil(count);
  }

  #getAll(): void {
    this.#getUntil(this.#items.length);
  }

  #getUntil(count: number): void {
    for (let index = 0; index < count; index++) this.#got[index] = true;
  }

  #getElsewhere({ point: { positions }, other }: Elsewhere): void {
    for (const [partition, position] of positions.entries()) {
      this.#elsewhere[partition] = Math.max(position, this.#elsewhere[partition] ?? 0);
    }
    // It was told there that the log is another one.
    for (const [index, { partition }] of this.#items.entries()) {
      if (partition === ANY && other.#got[index]) this.#got[index] = true;
    }
  }
}
