/**
 * Delivers records to all subscriptions that they are for. If these are many, that takes several time
 * slices, so that requests are answered in between. One record is delivered at a time, in the order in
 * which they were read.
 */
import type { Stream } from "../log/stream.ts";
import type { Entry } from "../log/window.ts";
import type { Deliveries } from "../observe/deliveries.ts";
import type { Target } from "../protocol/target.ts";
import { FRAME_COST, KEPT_COST, TimeSlice } from "../util/time_slice.ts";
import type { Channel, Recipients } from "./channels.ts";
import { type Subscriber, updateFrame } from "./pushes.ts";
import type { Subscription } from "./subscription.ts";

/** A record that is being delivered. */
interface InDelivery {
  readonly entry: Entry;
  /** The only target; `null` if there are several. */
  readonly target: Target | null;
  /** Empty if it is for one subscription alone. */
  readonly channels: readonly Channel[];
  /** The cursor of the live end when the record was read. It leaves out positions that are learned later. */
  readonly cursor: string;
}

const NO_CHANNELS: readonly Channel[] = [];

/** Delivers what was read. */
export class FanOut {
  readonly #stream: Pick<Stream, "cursor">;
  readonly #deliveries: Pick<Deliveries, "sent">;
  /** Without a clock: records that come in the same turn go out in the same batch (BAT1). */
  readonly #slice = new TimeSlice({ turnMs: Infinity });
  /** For reloads, of which nothing is sent in the turn. */
  readonly #reloadSlice = new TimeSlice({ pauses: true });
  #inDelivery: InDelivery | null = null;
  /** The ids of the targets of the record in delivery; `null` if nobody has asked for them yet. */
  #targetIds: Set<string> | null = null;
  /** The slices that are left of the delivery. */
  #rest: Iterator<Promise<void>> | null = null;
  #finishing: Promise<void> | undefined;

  constructor({ stream, deliveries }: {
    stream: Pick<Stream, "cursor">;
    deliveries: Pick<Deliveries, "sent">;
  }) {
    this.#stream = stream;
    this.#deliveries = deliveries;
  }

  /** Resolves when the record is delivered; `undefined` if none is being delivered. */
  get finishing(): Promise<void> | undefined {
    return this.#finishing;
  }

  /**
   * Begins to deliver a record to all current subscriptions that it is for. The delivery of the record
   * before it must be finished.
   *
   * @returns How many subscriptions these are
   */
  start(entry: Entry, recipients: Recipients): number {
    if (!Array.isArray(recipients)) return this.#startForOne(entry, recipients);
    return recipients.length === 0 ? 0 : this.#startForAll(entry, recipients);
  }

  /** The record that is being delivered, if it is for a target and its seq is not before `dueFrom`. */
  undelivered(target: Target, dueFrom: number): Entry | null {
    if (!this.#inDelivery || this.#inDelivery.entry.seq < dueFrom) return null;
    const { entry, channels, target: only } = this.#inDelivery;
    if (only) return only.id === target.id ? entry : null;
    this.#targetIds ??= new Set(channels.map(({ target }) => target.id));
    return this.#targetIds.has(target.id) ? entry : null;
  }

  /** Delivers what is left of the record at once, as another one was read. */
  finish(): void {
    if (!this.#rest) return;
    while (!this.#rest.next().done);
    this.#end();
  }

  /** The same as for a channel with one member, without a generator and lists. */
  #startForOne(entry: Entry, subscription: Subscription): number {
    const { target, subscriber } = subscription;
    if (!this.#slice.take(costOf(entry, subscriber))) {
      return this.#startForAll(entry, [{ target, members: new Set([subscription]) }]);
    }
    const { cursor } = this.#stream;
    this.#inDelivery = { entry, target, channels: NO_CHANNELS, cursor };
    const frame = updateFrame(entry, { event: target.id, cursor });
    if (frame === null) subscription.offerReload(entry);
    else if (subscription.offerUpdate(frame, entry)) {
      this.#noteSent(entry, target, [subscriber.id]);
    }
    this.#end();
    return 1;
  }

  #startForAll(entry: Entry, channels: readonly Channel[]): number {
    const target = channels.length === 1 ? channels[0]?.target ?? null : null;
    const inDelivery = { entry, target, channels, cursor: this.#stream.cursor };
    this.#inDelivery = inDelivery;
    const subscriptions = channels.reduce((count, { members }) => count + members.size, 0);
    const slices = this.#deliver(inDelivery);
    const { done, value: nextTurn } = slices.next();
    if (done) this.#end();
    else {
      this.#rest = slices;
      this.#finishing = this.#continue(inDelivery, nextTurn);
    }
    return subscriptions;
  }

  async #continue(inDelivery: InDelivery, nextTurn: Promise<void>): Promise<void> {
    for (let pause: Promise<void> | null = nextTurn; pause;) {
      await pause;
      // Another record was read meanwhile, so this one is finished.
      if (this.#inDelivery !== inDelivery || !this.#rest) return;
      const slice = this.#rest.next();
      pause = slice.done ? null : slice.value;
    }
    this.#end();
  }

  #end(): void {
    this.#inDelivery = null;
    this.#targetIds = null;
    this.#rest = null;
    this.#finishing = undefined;
  }

  /** Delivers a record, a time slice at each step. Yields a promise of the next slice. */
  *#deliver({ entry, channels, cursor }: InDelivery): Generator<Promise<void>, void> {
    for (const { target, members } of channels) {
      const frame = updateFrame(entry, { event: target.id, cursor });
      // A list that was added to has room for 16 more. A copy, which is remembered, has not.
      let sent: string[] = [];
      const slice = frame === null ? this.#reloadSlice : this.#slice;
      for (const subscription of members) {
        const nextTurn = slice.spend(costOf(entry, subscription.subscriber));
        if (nextTurn) {
          this.#noteSent(entry, target, [...sent]);
          sent = [];
          yield nextTurn;
        }
        if (frame === null) subscription.offerReload(entry);
        else if (subscription.offerUpdate(frame, entry)) sent.push(subscription.subscriber.id);
      }
      this.#noteSent(entry, target, [...sent]);
    }
  }

  #noteSent(entry: Entry, { id: subscription }: Target, sessions: readonly string[]): void {
    if (sessions.length === 0) return;
    this.#deliveries.sent(entry, { subscription, sessions, at: Date.now() });
  }
}

/** What it costs of a time slice to deliver a record to a subscriber. */
function costOf({ delivery }: Entry, { knowsBatches }: Subscriber): number {
  return knowsBatches && delivery.does === "update" ? KEPT_COST : FRAME_COST;
}
