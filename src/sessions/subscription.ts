/**
 * One session's subscription, as a reader of the log.
 *
 * It is *live*: each record is pushed as it is read. Or it is *catching up*: it has a place of its
 * own in the window, from which it is served until it has reached the live end. It begins to catch up
 * where a list or a reload holds it back (DEL2), where it is resumed (DEL5), and where its client is
 * slow (SLOW1).
 */
import type { ListRequest } from "../backend/backend.ts";
import type { Positions } from "../log/cursor.ts";
import type { Entry } from "../log/window.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { type JsonText, type Push, pushFrame, recordId, toJson } from "../protocol/frames.ts";
import type { Lost, ResumePoint, Stream } from "../log/stream.ts";
import type { Target } from "../protocol/target.ts";
import type { ResyncReason, Trace, What } from "../observe/delivery_trace.ts";

/** What a subscription needs of the session that it belongs to. */
export interface Subscriber {
  /** The session's id. */
  readonly id: string;
  /** The user's id; `null` for a guest. */
  readonly user: string | null;
  /** The session's token, as a reload needs it (KAF3). */
  readonly token: string | null;
  /** Whether it knows of `resync` (NET5). */
  readonly knowsVersion1: boolean;
  /** Whether its messages are kept for a frame with others (BAT1). */
  readonly knowsBatches: boolean;
  readonly outbox: Pick<Outbox, "send" | "isBehind" | "hasRoom" | "whenRoom" | "unsentBytes">;
}

/** What all subscriptions share. */
export interface Feed {
  readonly stream: Stream;
  readonly trace: Trace;
  /** Fetches the list again; {@linkcode Subscription.reloaded} is told of what comes of it. */
  reload(subscription: Subscription): void;
  /** Asks for {@linkcode Subscription.reloadByItself} after some seconds. */
  reloadLater(subscription: Subscription): void;
  /** Takes back what was asked for by the two above. */
  cancelReload(subscription: Subscription): void;
  /** Has a reload that still waits go with the session's new token. */
  renewReload(subscription: Subscription): void;
  /** Whether the record that is being handed out has still to be handed to a subscription. */
  isOwed(subscription: Subscription): boolean;
  /** Hands it out to that subscription now, where it is owed. */
  settle(subscription: Subscription): void;
  /** Calls {@linkcode Subscription.catchUp} in a later turn of the event loop. */
  continueLater(subscription: Subscription): void;
  /** Calls {@linkcode Subscription.catchUp} when something has been read. */
  continueOnRead(subscription: Subscription): void;
}

/** Frames that a subscription which catches up is sent in one turn of the event loop. */
const STEP_FRAMES = 100;

/** A list that is fetched again. */
interface Reload {
  /** The record that says so, if one did. */
  readonly entry: Entry | null;
  /** Why it is fetched by itself, for a client that does not know of `resync`; else `null`. */
  readonly inPlaceOfResync: ResyncReason | null;
}

/** A list that a client is still to have, as it can't be told to ask for it. */
interface Owed extends Reload {
  /** The cursor of what is in front of it: whoever resumes from there is given a list (DEL6). */
  readonly cursor: string;
}

/** What a subscription that is catching up knows of its place. */
interface CatchingUp {
  /** The next entry of the window to look at. */
  seq: number;
  /** Up to where it has been served, by partition; what is in front of that is not for it. */
  readonly served: number[];
  /** Of the cursor that it was resumed from: milliseconds since 1970. */
  timeMs: number;
  /** Lists and reloads under way; nothing is served until they are over. */
  holds: number;
  /** The reload under way. */
  reload: Reload | null;
  /** A reload that is to be done again: there was no room for its list. */
  again: Reload | null;
  /** Whether it will be called when there is room. */
  waitsForRoom: boolean;
  /** Reloads of entries in front of this one are answered by a list that was asked for later. */
  reloadedUntil: number;
}

/** A session's subscription to a {@linkcode Target}. */
export class Subscription {
  readonly target: Target;
  readonly subscriber: Subscriber;
  /** When it began, in milliseconds since 1970. */
  readonly since: number = Date.now();
  /** What a reload asks for: the latest list that was answered, less its `skip` (KAF3). */
  list: ListRequest;
  /** Whether its client knows of it: a reply that subscribes has gone out. */
  isAnswered = false;
  readonly #feed: Feed;
  /** From where on it has been served, by partition. */
  #start: Positions;
  #catchingUp: CatchingUp | null = null;
  /** What is in front of this entry was offered to it, or is not to be. */
  #offeredUntil: number;
  /** What {@linkcode reloadByItself} is to fetch; until that is out, no push goes beyond its place. */
  #owed: Owed | null = null;
  #ended = false;

  constructor(
    target: Target,
    { subscriber, list, feed }: { subscriber: Subscriber; list: ListRequest; feed: Feed },
  ) {
    this.target = target;
    this.subscriber = subscriber;
    this.list = list;
    this.#feed = feed;
    this.#start = feed.stream.snapshot;
    this.#offeredUntil = feed.stream.window.nextSeq;
  }

  /** Whether all that was read has been pushed, and nothing is held back. */
  get isLive(): boolean {
    return this.#catchingUp === null && !this.#feed.isOwed(this);
  }

  /** The place up to which it has been served (DEL3). */
  get cursor(): string {
    const { stream } = this.#feed;
    const state = this.#catchingUp;
    return state ? stream.cursorAt(state.served, state.timeMs) : stream.cursor;
  }

  /** Whether an entry that is being handed out is still to be offered to it. */
  isDue({ seq }: Entry): boolean {
    return !this.#ended && seq >= this.#offeredUntil;
  }

  /**
   * Takes an update that was just read; the frame is the same for all who are live and owed nothing.
   *
   * @returns Whether it was sent; else it follows
   */
  offerUpdate(frame: string, entry: Entry): boolean {
    if (!this.isDue(entry) || this.#holdsBack(entry)) return false;
    if (this.#owed) this.#pushUpdate(entry);
    else this.subscriber.outbox.send(frame);
    return true;
  }

  /** Takes a reload that was just read (KAF3). */
  offerReload(entry: Entry): void {
    if (!this.isDue(entry) || this.#holdsBack(entry)) return;
    this.#startReload(this.#leaveLiveEnd(), recordReload(entry));
  }

  #holdsBack(entry: Entry): boolean {
    this.#offeredUntil = entry.seq + 1;
    if (this.subscriber.outbox.isBehind) {
      this.#note(entry, "held back: the client is behind");
      if (!this.#catchingUp) this.#fallBehind(entry);
      return true;
    }
    if (this.#catchingUp) this.#note(entry, "held back: catching up");
    return this.#catchingUp !== null;
  }

  /** Holds back every push from here on until {@linkcode release}; for a list under way. */
  hold(): void {
    (this.#catchingUp ?? this.#leaveLiveEnd()).holds++;
  }

  /** The list for which it was held is out, or has failed. */
  release(): void {
    if (!this.#catchingUp) return;
    this.#catchingUp.holds--;
    this.catchUp();
  }

  /**
   * A list, asked for when the window ended at `seq`, answers what was to be reloaded till then; also
   * a reload that is under way, whose list would be older than that which goes out now.
   */
  listedAt(seq: number): void {
    const state = this.#catchingUp;
    if (!state) return;
    state.reloadedUntil = seq;
    this.#owed = null;
    if (state.again?.entry) this.#note(state.again.entry, "in a later list");
    state.again = null;
    this.#feed.cancelReload(this);
    if (!state.reload) return;
    if (state.reload.entry) this.#note(state.reload.entry, "in a later list");
    state.reload = null;
    state.holds--;
  }

  /** While it is new and held: is to be served from there on. */
  beginAt({ positions, seq, timeMs }: ResumePoint): void {
    this.#start = positions;
    const state = this.#catchingUp ?? this.#leaveLiveEnd();
    state.seq = seq;
    state.timeMs = timeMs;
    state.served.splice(0, state.served.length, ...positions);
  }

  /** Whether it has been served all that came after these positions. */
  hasServedFrom(positions: Positions): boolean {
    return this.#start.every((start, partition) => (positions[partition] ?? 0) >= start);
  }

  /** While it is held: its client has what is in front of these positions. */
  skipTo({ positions, timeMs }: ResumePoint): void {
    const state = this.#catchingUp ?? this.#leaveLiveEnd();
    const { served } = state;
    state.timeMs = Math.max(state.timeMs, timeMs);
    for (const [partition, position] of positions.entries()) {
      served[partition] = Math.max(position, served[partition] ?? 0);
    }
  }

  /** The list for its reload is being asked for now. */
  reloadStarted(): void {
    if (this.#catchingUp) this.#catchingUp.reloadedUntil = this.#feed.stream.window.nextSeq;
  }

  /** Its reload is over; `list` is `null` where it failed (DEL11). */
  reloaded(list: JsonText | null): void {
    const state = this.#catchingUp;
    if (this.#ended || !state?.reload) return;
    const { reload, reload: { entry, inPlaceOfResync } } = state;
    state.reload = null;
    state.holds--;
    const { hasRoom } = this.subscriber.outbox;
    if (entry && list === null) this.#note(entry, "reload failed");
    if (!hasRoom && list === null) {
      // Where something is lost it is told of when there is room.
      state.seq = -1;
    } else if (!hasRoom) {
      state.again = reload;
    } else if (list !== null) {
      // What was pushed meanwhile has later ids than its record.
      const id = entry && !inPlaceOfResync ? { id: recordId(entry) } : {};
      this.#owed = null;
      this.#push({ status: "reload", payload: list, ...id });
      if (entry) this.#note(entry, "reloaded");
      if (inPlaceOfResync) this.#feed.trace.resynced(this.#recipient, inPlaceOfResync);
    } else if (this.subscriber.knowsVersion1) {
      this.#pushResync("reload failed");
    } else {
      this.#owe({ entry, inPlaceOfResync: inPlaceOfResync ?? "reload failed" }, state);
      this.#feed.reloadLater(this);
    }
    this.catchUp();
  }

  /** Fetches the list that its client is still owed, if it is, unless another is under way. */
  reloadByItself(): void {
    const owed = this.#owed;
    if (!owed || this.#ended || this.#catchingUp?.reload) return;
    this.#startReload(this.#catchingUp ?? this.#leaveLiveEnd(), owed);
  }

  /** Goes on from its place in the window, some frames at a time. */
  catchUp(): void {
    const state = this.#catchingUp;
    if (this.#ended || !state || state.holds > 0) return;
    const { window } = this.#feed.stream;
    const { outbox } = this.subscriber;
    const needsRoom = state.again !== null || state.seq < window.firstSeq;
    if (needsRoom && !outbox.hasRoom) return this.#waitForRoom(state);
    if (state.seq < window.firstSeq) return this.#lose("left the window", state);
    if (state.again) return this.#startReload(state, state.again);

    let frames = 0;
    let lastReload: number | undefined;
    for (const entry of window.entriesFor(this.target, state.seq)) {
      state.seq = entry.seq;
      if (!outbox.hasRoom) return this.#waitForRoom(state);
      if (frames === STEP_FRAMES) return this.#feed.continueLater(this);
      state.seq++;
      if (entry.offset < (state.served[entry.partition] ?? 0)) {
        if (entry.readAt >= this.since) this.#note(entry, "the client has it already");
        continue;
      }
      state.served[entry.partition] = entry.offset + 1;
      if (entry.delivery.does === "update") {
        frames++;
        this.#pushUpdate(entry);
        this.#note(entry, "caught up");
      } else {
        // Of several reloads only the last is needed: its list has what the others would have.
        if (entry.seq >= state.reloadedUntil) {
          lastReload ??= this.#lastReload(entry.seq, state.served);
          if (entry.seq === lastReload) return this.#startReload(state, recordReload(entry));
        }
        this.#note(entry, "in a later list");
      }
    }
    state.seq = window.nextSeq;
    if (this.#feed.stream.isAhead(state.served)) this.#feed.continueOnRead(this);
    else this.#becomeLive();
  }

  /** What comes next does not follow what came before: something is lost (DEL12). */
  lose({ partition, from }: Lost): void {
    const state = this.#catchingUp ?? this.#leaveLiveEnd();
    state.served[partition] = Math.min(from, state.served[partition] ?? 0);
    state.seq = -1;
    // Where it is held, or there is no room to say so, this shows itself later.
    if (state.holds > 0) return;
    if (this.subscriber.outbox.hasRoom) this.#lose("lost by the log", state);
    else this.#waitForRoom(state);
  }

  /** Nothing is sent after this (SUB1). */
  end(): void {
    this.#ended = true;
    this.#feed.cancelReload(this);
  }

  /** Goes on from an entry that was just read, when there is room. */
  #fallBehind(entry: Entry): void {
    const state = this.#leaveLiveEnd();
    state.seq = entry.seq;
    state.served[entry.partition] = entry.offset;
    this.#waitForRoom(state);
  }

  #waitForRoom(state: CatchingUp): void {
    if (state.waitsForRoom) return;
    state.waitsForRoom = true;
    this.subscriber.outbox.whenRoom(() => {
      state.waitsForRoom = false;
      this.#feed.continueLater(this);
    });
  }

  #becomeLive(): void {
    this.#catchingUp = null;
    this.#offeredUntil = this.#feed.stream.window.nextSeq;
  }

  #leaveLiveEnd(): CatchingUp {
    this.#feed.settle(this);
    const { stream } = this.#feed;
    // It may have fallen behind by that.
    return this.#catchingUp ??= {
      seq: stream.window.nextSeq,
      served: [...stream.positions],
      timeMs: 0,
      holds: 0,
      reload: null,
      again: null,
      waitsForRoom: false,
      reloadedUntil: 0,
    };
  }

  #startReload(state: CatchingUp, reload: Reload): void {
    state.holds++;
    state.reload = reload;
    state.again = null;
    if (reload.entry) this.#note(reload.entry, "reload asked");
    this.#feed.reload(this);
  }

  #lastReload(seq: number, served: Positions): number {
    let last = seq;
    for (const entry of this.#feed.stream.window.entriesFor(this.target, seq)) {
      const isServed = entry.offset < (served[entry.partition] ?? 0);
      if (entry.delivery.does === "reload" && !isServed) last = entry.seq;
    }
    return last;
  }

  #lose(why: ResyncReason, state: CatchingUp): void {
    this.#becomeLive();
    this.#start = this.#feed.stream.snapshot;
    if (this.subscriber.knowsVersion1) return this.#pushResync(why);
    this.#owe({ entry: null, inPlaceOfResync: why }, state);
    this.reloadByItself();
  }

  /** Its client is to have a list; of several that it is to have, the latest does for all. */
  #owe(reload: Reload, { served, timeMs }: CatchingUp): void {
    const positions = [...served];
    if (reload.entry) positions[reload.entry.partition] = reload.entry.offset;
    const cursor = this.#owed?.cursor ?? this.#feed.stream.cursorAt(positions, timeMs);
    this.#owed = { ...reload, cursor };
  }

  #pushResync(why: ResyncReason): void {
    this.#push({ status: "resync", payload: toJson({ missed: null }) });
    this.#feed.trace.resynced(this.#recipient, why);
  }

  #note(entry: Entry, what: Exclude<What, "sent">): void {
    this.#feed.trace.note(entry, this.#recipient, what);
  }

  get #recipient() {
    const { id: session, user } = this.subscriber;
    return { session, user, subscription: this.target.id };
  }

  #pushUpdate(entry: Entry): void {
    const { delivery } = entry;
    if (delivery.does !== "update") return;
    this.#push({ status: "update", payload: delivery.payload, id: recordId(entry) });
  }

  #push(push: Omit<Push, "cursor">): void {
    const cursor = this.#owed?.cursor ?? this.cursor;
    this.subscriber.outbox.send(pushFrame(this.target.id, { ...push, cursor }));
  }
}

function recordReload(entry: Entry): Reload {
  return { entry, inPlaceOfResync: null };
}
