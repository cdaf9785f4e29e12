/**
 * Hands records to all whom they are for; in turns of the event loop where those are many, so that
 * requests are answered meanwhile. One record is handed out at a time, in the order of the log.
 */
import { setImmediate } from "node:timers/promises";
import type { Channel } from "./channels.ts";
import type { Entry } from "../log/window.ts";
import { pushFrame, recordId } from "../protocol/frames.ts";
import type { Stream } from "../log/stream.ts";
import type { Subscription } from "./subscription.ts";
import type { Trace } from "../observe/delivery_trace.ts";

/** What handing out in one turn of the event loop may cost. */
const TURN_COST = 2048;
/** A frame, which the platform writes at the end of the turn, or a reload. */
const SEND_COST = 16;
/** A message that is kept for a frame with others. */
const KEEP_COST = 1;

/** A record that is being handed out. */
interface Current {
  readonly entry: Entry;
  /** Of the live end when it was read: what comes to be known meanwhile is none of its place. */
  readonly cursor: string;
  /** The ids of the targets that it is for. */
  readonly targets: ReadonlySet<string>;
  /** Each hands it to as many more as a turn may. */
  readonly steps: Iterator<void>;
}

/** Hands out what was read. */
export class FanOut {
  readonly #stream: Stream;
  readonly #trace: Pick<Trace, "sent">;
  #current: Current | null = null;
  #finishing: Promise<void> | undefined;
  /** What may still be spent in this turn. */
  #left = TURN_COST;
  #isRefilling = false;

  constructor({ stream, trace }: { stream: Stream; trace: Pick<Trace, "sent"> }) {
    this.#stream = stream;
    this.#trace = trace;
  }

  /** Resolves when all have been handed what was read; `undefined` where they have. */
  get finishing(): Promise<void> | undefined {
    return this.#finishing;
  }

  /**
   * Hands a record to the members of channels; who becomes one later is not handed it. The one before
   * must have been handed out.
   *
   * @returns How many subscriptions that are
   */
  start(entry: Entry, channels: readonly Channel[]): number {
    if (channels.length === 0) return 0;
    this.#refillLater();
    const { cursor } = this.#stream;
    const steps = this.#handOut(entry, { channels, cursor });
    const subscriptions = channels.reduce((count, { members }) => count + members.size, 0);
    if (!steps.next().done) {
      const targets = new Set(channels.map(({ target }) => target.id));
      this.#current = { entry, cursor, targets, steps };
      this.#finishing = this.#continue(this.#current);
    }
    return subscriptions;
  }

  /** Whether a subscription has still to be handed the record that is being handed out. */
  owes(subscription: Subscription): boolean {
    if (!this.#current) return false;
    const { entry, targets } = this.#current;
    return subscription.isDue(entry) && targets.has(subscription.target.id);
  }

  /** Hands a subscription what it has still to be handed, before its turn. */
  settle(subscription: Subscription): void {
    if (!this.#current || !this.owes(subscription)) return;
    const { entry, cursor } = this.#current;
    const { target, subscriber } = subscription;
    if (offer(entry, frameOf(entry, { event: target.id, cursor }), subscription)) {
      this.#trace.sent(entry, target.id, [subscriber.id]);
    }
  }

  async #continue(current: Current): Promise<void> {
    do {
      await setImmediate();
      this.#left = TURN_COST;
      // Finished meanwhile, for the next record has come.
      if (this.#current !== current) return;
    } while (!current.steps.next().done);
    this.#end();
  }

  /** Records that come in the same turn share what may be spent in it. */
  async #refillLater(): Promise<void> {
    if (this.#isRefilling) return;
    this.#isRefilling = true;
    await setImmediate();
    this.#isRefilling = false;
    this.#left = TURN_COST;
  }

  /** Hands out what is left of a record at once, before another is read. */
  finish(): void {
    if (!this.#current) return;
    while (!this.#current.steps.next().done);
    this.#end();
  }

  #end(): void {
    this.#current = null;
    this.#finishing = undefined;
  }

  *#handOut(
    entry: Entry,
    { channels, cursor }: { channels: readonly Channel[]; cursor: string },
  ): Generator<void> {
    for (const { target, members } of channels) {
      const frame = frameOf(entry, { event: target.id, cursor });
      let sent: string[] = [];
      for (const subscription of members) {
        const { id, knowsBatches } = subscription.subscriber;
        if (offer(entry, frame, subscription)) sent.push(id);
        this.#left -= knowsBatches && frame !== null ? KEEP_COST : SEND_COST;
        if (this.#left > 0) continue;
        this.#trace.sent(entry, target.id, sent);
        sent = [];
        yield;
      }
      this.#trace.sent(entry, target.id, sent);
    }
  }
}

/** The push of a record, the same for all who are live; `null` where it is no update. */
function frameOf(
  entry: Entry,
  { event, cursor }: { event: string; cursor: string },
): string | null {
  const { delivery } = entry;
  if (delivery.does === "reload") return null;
  const { payload } = delivery;
  return pushFrame(event, { status: "update", payload, id: recordId(entry), cursor });
}

/** Gives whether it was sent. */
function offer(entry: Entry, frame: string | null, subscription: Subscription): boolean {
  if (frame !== null) return subscription.offerUpdate(frame, entry);
  subscription.offerReload(entry);
  return false;
}
