/**
 * One session's subscription to a target, as a reader of the log. Each event changes the state, and
 * {@linkcode Subscription.proceed} then decides what happens next. `subscription/state.ts` has the invariants.
 */
import type { KeptList } from "../backend/lists.ts";
import type { Positions } from "../log/cursor.ts";
import { ReadPosition } from "../log/read_position.ts";
import type { Entry, ResumePoint } from "../log/window.ts";
import type { JsonText } from "../protocol/frames.ts";
import type { Target } from "../protocol/target.ts";
import type { ReloadReason, Subscriber } from "./pushes.ts";
import { afterLoss } from "./subscription/losses.ts";
import {
  type Behind,
  behindOf,
  type Debt,
  debtAfterList,
  ENDED,
  hasResyncDue,
  leaveLiveEnd,
  LIVE,
  reloadEntryOf,
  type SubscriptionOptions,
  type SubscriptionParts,
  type SubscriptionState,
} from "./subscription/state.ts";

/** A session's subscription to a {@linkcode Target}. */
export class Subscription {
  readonly target: Target;
  readonly subscriber: Subscriber;
  /** When the subscription began, in milliseconds since 1970. */
  readonly since: number = Date.now();
  /** What a reload asks for: the latest list that was answered, without its `skip` (KAF3). */
  list: KeptList;
  /** Whether the client knows of the subscription: a reply that subscribes has gone out. */
  isAnswered = false;
  readonly #parts: SubscriptionParts<Subscription>;
  /** The client has been served everything after these positions. */
  #servedFrom: Positions;
  /** Use `#state` and `#debt`, which have taken all losses. */
  #stateNow: SubscriptionState = LIVE;
  #debtNow: Debt | null = null;
  /** How many losses it has taken. */
  #losses: number;
  /** If it is live, it has not got entries from this seq on yet. */
  #dueFrom: number;

  constructor(target: Target, { subscriber, list, parts }: SubscriptionOptions<Subscription>) {
    this.target = target;
    this.subscriber = subscriber;
    this.list = list;
    this.#parts = parts;
    this.#servedFrom = parts.stream.snapshot;
    this.#dueFrom = parts.stream.window.nextSeq;
    this.#losses = parts.losses.count;
  }

  get #state(): SubscriptionState {
    this.takeLosses();
    return this.#stateNow;
  }

  get #debt(): Debt | null {
    this.takeLosses();
    return this.#debtNow;
  }

  /** Whether everything that was read has been pushed, and nothing is held back. */
  get isLive(): boolean {
    return this.#state === LIVE && !hasResyncDue(this.#debt) &&
      this.#parts.fanOut.undelivered(this.target, this.#dueFrom) === null;
  }

  /** The cursor of the place up to which the client has been served (DEL3). */
  get cursor(): string {
    const position = behindOf(this.#state)?.position;
    return position ? this.#parts.stream.cursorOf(position) : this.#parts.stream.cursor;
  }

  /** The cursor that the next push has. */
  get pushCursor(): string {
    return this.#debt?.cursor ?? this.cursor;
  }

  /** The cursor of a reply without a list: in front of what a list that is due or under way will bring. */
  get cursorWithoutList(): string {
    const behind = behindOf(this.#state);
    if (!behind || this.#debt) return this.pushCursor;
    return this.#parts.stream.cursorOf(behind.position, reloadEntryOf(behind));
  }

  /** Whether the client has been served everything after these positions. */
  hasServedFrom(positions: Positions): boolean {
    return this.#servedFrom.every((start, partition) => (positions[partition] ?? 0) >= start);
  }

  /** Takes an update that was just read. Returns whether the frame was sent; else it follows from the window. */
  offerUpdate(frame: string, entry: Entry): boolean {
    if (!this.#takesLive(entry)) return false;
    if (this.#debt) this.#parts.pushes.update(this, entry);
    else this.subscriber.outbox.send(frame);
    return true;
  }

  /** Takes a reload that was just read (KAF3). */
  offerReload(entry: Entry): void {
    if (!this.#takesLive(entry)) return;
    this.#ask({ entry, inPlaceOfResync: null }, this.#behind().position);
  }

  /** Holds back all pushes until {@linkcode release}, as a command's list is under way. */
  hold(): void {
    if (this.#state.state === "held" || this.#state === ENDED) return;
    this.#become({ state: "held", then: this.#behind() });
  }

  /** Pushes what was held back, as the command's list has gone out or has failed. */
  release(): void {
    if (this.#state.state === "held") this.#become(this.#state.then);
  }

  /**
   * Notes that the command's list was answered, for which the window ended at `seq` when it was asked for.
   * It includes what reloads before `seq` would fetch. A reload under way is given up: its list is older.
   */
  listedAt(seq: number): void {
    if (this.#state.state !== "held") return;
    const { then } = this.#state;
    then.position.noteList(seq);
    this.#debtNow = debtAfterList(this.#debt, seq);
    this.#parts.reloads.cancel(this);
    const entry = reloadEntryOf(then);
    if (entry) this.#parts.pushes.note(this, { entry, what: "in a later list" });
    this.#continue({ state: "reading", position: then.position });
  }

  /** While it is new and held: serves it from a client's cursor on. */
  beginAt(point: ResumePoint): void {
    this.#servedFrom = point.positions;
    this.#continue({ state: "reading", position: new ReadPosition(point) });
  }

  /** While it is held: leaves out what the client has got on another connection. */
  skipTo(point: ResumePoint): void {
    behindOf(this.#state)?.position.skipTo(point);
  }

  /** Notes that the list of the reload is being fetched now. */
  reloadStarted(): void {
    const behind = behindOf(this.#state);
    if (behind) behind.position.listedUntil = this.#parts.stream.window.nextSeq;
  }

  /** Takes the list of the reload; `null` if it failed (DEL11). */
  reloaded(list: JsonText | null): void {
    const behind = behindOf(this.#state);
    if (behind?.state !== "reloading") return;
    const { position, reload } = behind;
    const { pushes, reloads } = this.#parts;
    const { hasRoom } = this.subscriber.outbox;
    // A command's list is under way (DEL2): it is in place of this one, or if it fails, this one is
    // fetched once more.
    if (this.#state.state === "held") return this.#continue({ state: "full", position, reload });
    if (list === null) {
      if (reload.entry) pushes.note(this, { entry: reload.entry, what: "reload failed" });
      // A loss is still to be told, which covers this failure.
      if (position.loss) return this.#continue({ state: "reading", position });
      if (!hasRoom) return this.#continue({ state: "lost", position, why: "reload failed" });
      this.#resync(reload, position);
      if (this.#debt?.list) reloads.requestLater(this);
    } else {
      // It is fetched once more when there is room: until then it would be out of date.
      if (!hasRoom) return this.#continue({ state: "full", position, reload });
      position.noteList(position.listedUntil);
      this.#debtNow = debtAfterList(this.#debt, position.listedUntil);
      pushes.list(this, { ...reload, list });
    }
    this.#continue({ state: "reading", position });
  }

  /** Fetches the list that the client still needs, unless it is about to get one anyway. */
  reloadByItself(): void {
    const list = this.#debt?.list;
    if (!list || this.#state === ENDED) return;
    const behind = this.#behind();
    const isReading = behind.state === "reading" || (behind.state === "full" && !behind.reload);
    if (isReading) this.#ask(list, behind.position);
  }

  /** Takes all losses, as it does before each other event. Returns whether a `resync` is left that waits. */
  takeLosses(): boolean {
    const { losses, fanOut, catchUpQueue } = this.#parts;
    if (this.#losses !== losses.count) {
      const [state, debt] = [this.#stateNow, this.#debtNow];
      const undelivered = state === LIVE ? fanOut.undelivered(this.target, this.#dueFrom) : null;
      const now = losses.after(this.#losses).reduce(afterLoss, { state, debt, undelivered });
      [this.#stateNow, this.#debtNow, this.#losses] = [now.state, now.debt, losses.count];
      if (now.state.state === "lost") catchUpQueue.proceedLater(this);
    }
    return this.#stateNow !== ENDED && hasResyncDue(this.#debtNow);
  }

  /** Ends the subscription. Returns whether a message that was read for it was still to be pushed. */
  end(): boolean {
    const { stream, reloads, catchUpQueue } = this.#parts;
    const next = behindOf(this.#state)?.position.seq ?? Infinity;
    const [message] = stream.window.entriesFor(this.target, next);
    reloads.cancel(this);
    catchUpQueue.remove(this);
    this.#become(ENDED);
    return message !== undefined;
  }

  /** Does what the state asks for, as far as that is possible now; the other states wait for an event. */
  proceed(): void {
    const state = this.#state;
    const { catchUpQueue } = this.#parts;
    switch (state.state) {
      case "reading": {
        if (this.#hasGap(state.position)) return;
        const next = catchUpQueue.read(this, state.position);
        return next ? this.#become(next) : undefined;
      }
      case "full":
        if (this.#hasGap(state.position) || catchUpQueue.waitsForRoom(this)) return;
        if (state.reload) return this.#ask(state.reload, state.position);
        return this.#become({ state: "reading", position: state.position });
      case "lost":
        if (!catchUpQueue.waitsForRoom(this)) this.#beginAnew(state);
    }
  }

  #become(state: SubscriptionState): void {
    this.#stateNow = state;
    if (state === LIVE) this.#dueFrom = this.#parts.stream.window.nextSeq;
    else this.proceed();
  }

  /** Becomes a state that has a position; if it is held, once it is released. */
  #continue(then: Behind): void {
    this.#become(this.#state.state === "held" ? { state: "held", then } : then);
  }

  /** The state that has the position; of a live subscription, the one with which it leaves the live end. */
  #behind(): Behind {
    const [parts, dueFrom] = [this.#parts, this.#dueFrom];
    return behindOf(this.#state) ?? leaveLiveEnd(this.target, { parts, dueFrom });
  }

  /** Whether a record that was just read is pushed at once. */
  #takesLive(entry: Entry): boolean {
    const { isBehind } = this.subscriber.outbox;
    const isLive = this.#state === LIVE;
    const next = isLive ? this.#dueFrom : behindOf(this.#state)?.position.seq ?? Infinity;
    // It has got the record from the window, or it began later, or it has ended.
    if (entry.seq < next) return false;
    if (isLive && !isBehind) {
      this.#dueFrom = entry.seq + 1;
      return true;
    }
    const what = isBehind ? "held back: the client is behind" : "held back: catching up";
    this.#parts.pushes.note(this, { entry, what });
    if (isLive) this.#become({ state: "full", position: this.#behind().position, reload: null });
    return false;
  }

  /** Tells the client that it has missed something, and goes on behind it. */
  #beginAnew({ position, why }: Extract<Behind, { state: "lost" }>): void {
    const after = this.#parts.stream.placeAfter(position.loss);
    this.#stateNow = { state: "reading", position: new ReadPosition(after) };
    this.#servedFrom = after.positions;
    this.#resync({ entry: null, inPlaceOfResync: why }, position);
    this.reloadByItself();
    this.proceed();
  }

  /** Requests the list again. */
  #ask(reload: ReloadReason, position: ReadPosition): void {
    this.#continue({ state: "reloading", position, reload });
    if (reload.entry) this.#parts.pushes.note(this, { entry: reload.entry, what: "reload asked" });
    this.#parts.reloads.request(this);
  }

  /** Tells the client to ask for its list. If the client does not understand that, it is owed the list. */
  #resync(reload: ReloadReason, position: ReadPosition): void {
    const { pushes, stream } = this.#parts;
    const { target, subscriber, cursor: pushCursor } = this;
    const list = pushes.resync({ target, subscriber, pushCursor }, reload);
    // Of several lists, the latest includes the others. Cursors stay in front of the first one.
    const cursor = this.#debt?.cursor ?? stream.cursorOf(position, reload.entry);
    this.#debtNow = list && { list, cursor, resyncFor: null };
  }

  #hasGap(position: ReadPosition): boolean {
    const why = position.gapReason(this.#parts.stream.window);
    if (why) this.#become({ state: "lost", position, why });
    return why !== null;
  }
}
