/**
 * All sessions of this instance. The two ways through the service meet here: requests subscribe
 * sessions, and records find the subscriptions that they are for.
 */
import { Channels } from "./channels.ts";
import type { CountParts, CountSubscription } from "./counts/count_subscription.ts";
import { Counts } from "./counts/counts.ts";
import type { FanOut } from "./fan_out.ts";
import type { Entry } from "../log/window.ts";
import { MultiMap } from "../util/multi_map.ts";
import { FRAME_COST, TimeSlice } from "../util/time_slice.ts";
import type { Loss } from "../log/loss.ts";
import { Session, type SessionOptions, type SharedBySessions } from "./session.ts";
import type { Subscription } from "./subscription.ts";
import { LossQueue } from "./subscription/losses.ts";

/** What {@linkcode Sessions} needs. */
export interface SessionsOptions extends Pick<SharedBySessions, "deliveries" | "onToken"> {
  readonly parts: Omit<SharedBySessions["parts"], "losses">;
  readonly countParts: CountParts;
  readonly fanOut: Pick<FanOut, "start">;
}

/** All sessions of this instance, found by their ids, their users and their subscriptions. */
export class Sessions implements Iterable<Session> {
  readonly #fanOut: SessionsOptions["fanOut"];
  readonly #shared: SharedBySessions;
  /** For sessions of one request: operators look for others among what has ended. */
  readonly #sharedByPosts: SharedBySessions;
  readonly #sessions = new Map<string, Session>();
  readonly #channels = new Channels();
  readonly #counts: Counts;
  readonly #losses = new LossQueue();
  readonly #slice = new TimeSlice({ pauses: true });
  readonly #users = new MultiMap<Session>();

  constructor({ fanOut, parts, countParts, ...shared }: SessionsOptions) {
    this.#fanOut = fanOut;
    this.#counts = new Counts(countParts, this.#channels);
    const [channels, counts, users] = [this.#channels, this.#counts, this.#users];
    const allParts = { ...parts, losses: this.#losses };
    this.#shared = { ...shared, parts: allParts, channels, counts, users };
    this.#sharedByPosts = { ...this.#shared, deliveries: { announced() {}, ended() {} } };
  }

  /** How many sessions there are. */
  get size(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions.values();
  }

  /** Makes a session for a new connection. It begins as a guest's. */
  open(options: SessionOptions): Session {
    const session = new Session(options, this.#sharedFor(options));
    this.#sessions.set(session.id, session);
    return session;
  }

  /** The session with this id, if there is one. */
  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /**
   * Removes a session and ends its subscriptions (LIFE3).
   *
   * @param why For operators: `/why` shows it
   */
  close(session: Session, why: string): void {
    const { id, user, connectedAt: from } = session;
    this.#sessions.delete(id);
    session.end();
    const { deliveries } = this.#sharedFor(session);
    deliveries.ended({ kind: "session", session: id, user, from, to: Date.now(), why });
  }

  /** All sessions of a user. */
  ofUser(user: string): Session[] {
    return [...this.#users.get(user)];
  }

  /**
   * Logs out all sessions of a user, because a message says so (KAF5). If these are many, that takes
   * several turns. A session that has logged in again, or has a new token, meanwhile stays logged in.
   *
   * @returns `undefined` if there are none
   */
  revoke(user: string): Promise<void> | undefined {
    const sessions = this.ofUser(user);
    return sessions.length === 0 ? undefined : this.#revokeAll(sessions);
  }

  async #revokeAll(sessions: readonly Session[]): Promise<void> {
    for (const [session, login] of sessions.map((session) => [session, session.login] as const)) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      if (session.login === login) session.revoke();
    }
  }

  /** All subscriptions with this id. A session has at most one of them. */
  subscribers(id: string): (Subscription | CountSubscription)[] {
    return [...this.#channels.members(id), ...this.#counts.withId(id)];
  }

  /**
   * Begins to deliver a record to all current subscriptions that it is for. The counts that it may have
   * changed are asked for again.
   *
   * @returns The number of these subscriptions, without counts
   */
  deliver(entry: Entry): number {
    const subscriptions = this.#fanOut.start(
      entry,
      this.#channels.addressedBy(entry.delivery.to),
    );
    this.#counts.askAfter(entry);
    return subscriptions;
  }

  /** Tells every subscription of a loss (DEL12, DEL13), in later turns. */
  lose(loss: Loss): void {
    this.#losses.add("told", loss);
    this.#tellOfLosses();
    this.#askForCounts();
  }

  /** Notes that every subscription needs a `resync`, which may wait until {@linkcode settle} (KAF9). */
  owe(loss: Loss): void {
    this.#losses.add("owed", loss);
  }

  /**
   * Sends each `resync` that is due, in later turns, and asks for all counts again.
   *
   * @returns Whether none is left
   */
  async settle(loss: Loss): Promise<boolean> {
    this.#losses.add("due", loss);
    this.#askForCounts();
    return !await this.#tellOfLosses();
  }

  /** Has every subscription take the losses. Returns whether a `resync` is left. */
  async #tellOfLosses(): Promise<boolean> {
    const { count } = this.#losses;
    let isLeft = false;
    for (const subscription of this.#subscriptions()) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      isLeft = subscription.takeLosses() || isLeft;
    }
    this.#losses.forget(count);
    return isLeft;
  }

  async #askForCounts(): Promise<void> {
    if (this.#counts.keyCount === 0) return;
    for (const session of this.#sessions.values()) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      session.askForCounts();
    }
  }

  #sharedFor({ transport }: Pick<SessionOptions, "transport">): SharedBySessions {
    return transport === "post" ? this.#sharedByPosts : this.#shared;
  }

  *#subscriptions(): Generator<Subscription> {
    for (const session of this.#sessions.values()) yield* session.subscriptions;
  }

  /** The sizes of the indexes. Both are 0 if no session has a subscription or a user. */
  indexSizes(): { keys: number; users: number } {
    const keys = this.#channels.keyCount + this.#counts.keyCount;
    return { keys, users: this.#users.size };
  }
}
