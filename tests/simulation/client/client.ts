/**
 * A client of the simulation. It does what the schedule says, and by itself what every client does: it
 * connects again, logs in again, and asks for a list after a `resync`. It checks every frame.
 */
import { Violation } from "../oracle/knowledge.ts";
import type { Target } from "../oracle/targets.ts";
import type { ListBody } from "../world/backend.ts";
import { ClientCount } from "./count.ts";
import { type ClientInit, type ClientOptions, ConnectingClient } from "./connecting_client.ts";
import type { Frame } from "./frames.ts";
import { ClientSubscription, type Range } from "./subscription.ts";

/** A client. */
export class Client extends ConnectingClient {
  /** What it wants to be subscribed to. */
  readonly subscriptions = new Map<Target, ClientSubscription>();
  /** The counts that it wants to be told. */
  readonly counts = new Map<Target, ClientCount>();
  /** As whom it wants to be logged in. */
  user: string | null;
  token: string | null = null;
  /** The latest news of the stream. */
  stream: { readonly status: string; readonly at: number } | null = null;
  /** The user of the session, as far as the client knows. */
  #sessionUser: string | null = null;
  /** Whose token it has sent with the upgrade. */
  #dialledAs: string | null = null;
  #badFrames = 0;
  #isLoggingIn = false;
  /** The user of the latest login, which the client may not want to be any more. */
  #loginOf: string | null = null;
  /** Whether it may have been logged out without knowing it: it can't be owed what is its user's. */
  #isVoid = false;
  /** Whether its instance was told on this connection that its user is logged out. */
  #hasReason = false;
  /** Whether it was logged out, and must be told; a client that would not understand it, by a close. */
  #isTelling = false;

  constructor(init: ClientInit, options: ClientOptions) {
    super(init, options);
    this.user = init.user;
  }

  /** Why it is not done yet; `null` if it has everything that it wants. */
  get unsettled(): string | null {
    if (this.user === null && this.#wanted.length + this.#wantedCounts.length === 0) return null;
    if (!this.isOpen) return "it is not connected";
    if (this.#sessionUser !== this.user) return "it is not logged in";
    if (this.#isTelling) return "it was not told that it is logged out";
    if (this.#isVoid) return "it was logged out";
    const { unanswered } = this.requests;
    if (unanswered !== null) return unanswered;
    for (const subscription of this.#wanted) {
      const { unsettled, target } = subscription;
      if (unsettled !== null) return `${target.key}: ${unsettled}`;
    }
    for (const { unsettled, target } of this.#wantedCounts) {
      if (unsettled !== null) return `${target.key}: ${unsettled}`;
    }
    return null;
  }

  protected override tokenOfUpgrade(sendsHeader: boolean): string | null {
    this.#ensureToken();
    this.#dialledAs = sendsHeader ? this.user : null;
    return this.#dialledAs === null ? null : this.token;
  }

  protected override opened(): void {
    this.#sessionUser = this.#dialledAs;
    if (this.#sessionUser !== this.user) return this.user === null ? this.logOut() : this.logIn();
    this.#askForAll();
  }

  protected override gone(isRefused: boolean): void {
    this.#sessionUser = null;
    this.#isVoid = false;
    this.#hasReason = false;
    this.#isTelling = false;
    this.#isLoggingIn = false;
    this.#badFrames = 0;
    this.stream = null;
    for (const subscription of this.subscriptions.values()) {
      subscription.asking = 0;
      this.#end(subscription, "none");
      subscription.isPlanned = false;
    }
    for (const count of this.counts.values()) {
      count.asking = 0;
      this.#endCount(count, "none");
      count.isPlanned = false;
    }
    if (isRefused) this.#renewToken();
  }

  /**
   * Logs in as the user that it wants to be.
   *
   * @param before The token that the session has, if it is this user's already
   */
  logIn(before: string | null = null): void {
    if (this.user === null || this.#isLoggingIn || !this.isOpen) return;
    this.#ensureToken();
    const { token } = this;
    this.#isLoggingIn = true;
    this.#loginOf = this.user;
    this.request("authentication", { authToken: token }, ({ status, payload }) => {
      this.#isLoggingIn = false;
      if (status === "ok") this.#becomes((payload as { id: string }).id);
      else if (before !== null) this.#keepToken({ before, refused: token });
      if (this.#sessionUser === this.user) return this.#askForAll();
      if (this.user === null) return this.logOut();
      if (status !== "error") this.#renewToken();
      this.#retry(() => this.#sessionUser !== this.user && this.logIn());
    });
  }

  /** Renews the session's token, or logs in again with a new one. */
  renew(): void {
    if (this.#sessionUser === null || this.#sessionUser !== this.user) return;
    const { backend, random } = this.options;
    const isPlain = random.chance(0.5, "plain login");
    if (isPlain && this.#isLoggingIn) return;
    const before = this.token;
    const token = this.token = backend.newTokenFor(this.#sessionUser);
    if (isPlain) return this.logIn(before);
    this.request("authentication", { authToken: token, update: true }, ({ status }) => {
      if (status !== "ok") this.#keepToken({ before, refused: token });
    });
  }

  /** The session goes on with the token that it has (AUTH3), unless the client wants another one by now. */
  #keepToken({ before, refused }: { before: string | null; refused: string | null }): void {
    if (this.token === refused) this.token = before;
  }

  logOut(): void {
    this.user = null;
    this.#wantNoNotifications();
    if (this.#isLoggingIn || !this.isOpen) return;
    this.#isLoggingIn = true;
    this.request("authentication", {}, ({ status }) => {
      this.#isLoggingIn = false;
      if (status === "ok") this.#becomes(null);
      if (this.user === this.#sessionUser) this.#askForAll();
      else this.logIn();
    });
  }

  /** Wants to be somebody else, with the same subscriptions. */
  become(user: string, targets: readonly Target[]): void {
    this.user = user;
    this.token = null;
    this.#wantNoNotifications();
    for (const target of targets) this.want(target);
    this.logIn();
  }

  want(target: Target): ClientSubscription {
    let subscription = this.subscriptions.get(target);
    if (!subscription) {
      subscription = new ClientSubscription(target, {
        isStrict: this.knowsVersion1,
        world: this.options.world,
      });
      this.subscriptions.set(target, subscription);
    }
    subscription.isWanted = true;
    return subscription;
  }

  /** Asks for a list, and subscribes. */
  list(target: Target, { limit = 0, back = 0 }: { limit?: number; back?: number } = {}): void {
    const subscription = this.want(target);
    if (!this.isOpen) return;
    if (target.user !== null && this.#isLoggingIn) return this.#plan(subscription, 500);
    if (target.user !== null && this.#sessionUser !== target.user) return;
    const needsList = subscription.needsList || subscription.state === "unsure";
    const since = back === Infinity || needsList
      ? null
      : subscription.cursors.at(-1 - Math.min(back, subscription.cursors.length - 1)) ?? null;
    const where = target.user === null
      ? { from: Number(target.key.split(":")[1]), to: 99, timezone: "UTC" }
      : { types: target.types };
    const skip = needsList ? undefined : limit;
    const params = target.user === null || limit === 0 ? {} : { params: { limit, skip } };
    const options = { where, ...params, ...since ? { since: since.cursor } : {} };
    const command = target.user === null ? "getSchedules" : "getMyNotifications";
    subscription.asking++;
    this.request(command, options, (reply) => {
      subscription.asking--;
      if (reply.status !== "ok") return this.#refused(subscription, reply);
      if (target.user !== null && target.user !== this.#sessionUser) {
        throw new Violation(`a list of ${target.user} came to a session of ${this.#sessionUser}`);
      }
      if ((reply.recovered === undefined) !== (since === null)) {
        throw new Violation(`recovered is ${reply.recovered}, since was ${since?.cursor}`);
      }
      target.event ??= reply.event;
      if (target.event !== reply.event) throw new Violation(`two ids of ${target.key}`);
      if (this.#isVoid && target.user !== null) return subscription.end("unsure");
      const list = reply.recovered === true ? null : reply.payload as ListBody;
      subscription.answered({ list, cursor: cursorOf(reply), since });
    });
  }

  /** Asks for a count, and subscribes to it. */
  watch(target: Target): void {
    let count = this.counts.get(target);
    if (!count) this.counts.set(target, count = new ClientCount(target));
    count.isWanted = true;
    this.#askForCount(count);
  }

  #askForCount(count: ClientCount): void {
    const { target } = count;
    if (!this.isOpen) return;
    if (this.#isLoggingIn) return this.#planCount(count, 500);
    if (this.#sessionUser !== target.user) return;
    const options = { where: { types: target.types }, status: "unread", subscribe: true };
    this.options.backend.expectCount(target.types);
    count.asking++;
    this.request("getMyNotificationsCount", options, (reply) => {
      count.asking--;
      if (reply.status !== "ok") {
        this.#countRefused(count, reply);
        return this.#endCount(count, count.state);
      }
      if (target.user !== this.#sessionUser) {
        throw new Violation(`a count of ${target.user} came to a session of ${this.#sessionUser}`);
      }
      count.answered(reply);
      if (this.#isVoid) count.state = "unsure";
    });
  }

  /** Ends one of its counts. */
  unwatch(count: ClientCount): void {
    count.isWanted = false;
    if (!this.isOpen || count.event === null) return;
    const options = { ids: [count.event], action: "unsubscribe" };
    this.request("subscription", options, ({ status }) => {
      if (status === "ok") this.#endCount(count, "none");
    });
  }

  unsubscribe(target: Target): void {
    const { event } = target;
    const subscription = this.subscriptions.get(target);
    if (!this.isOpen || event === null || !subscription) return;
    subscription.isWanted = false;
    this.request("subscription", { ids: [event], action: "unsubscribe" }, ({ status }) => {
      if (status === "ok") this.#end(subscription, "none");
    });
  }

  count(): void {
    const options = { where: { types: [] }, status: "unseen" };
    this.request("getMyNotificationsCount", options, () => {});
  }

  mark(): void {
    const options = { where: { notifications: ["1"] }, status: "read" };
    this.request("updateNotifications", options, () => {});
  }

  sendNonsense(): void {
    if (!this.isOpen) return;
    this.#badFrames++;
    this.line?.sendToService("{");
  }

  /** Its instance was told that its user is logged out, or its token was withdrawn. */
  loggedOut(user: string): void {
    if (this.isAway) return;
    // The service may know it as another user already.
    const isLoggingIn = this.#isLoggingIn && this.#loginOf === user;
    this.#hasReason ||= isLoggingIn || this.#sessionUser === user || this.user === user;
    this.#isTelling ||= this.#sessionUser === user && !this.#isLoggingIn;
    if (this.knowsVersion1) return;
    if (this.#sessionUser !== user && this.user !== user) return;
    this.#isVoid = true;
    for (const subscription of this.subscriptions.values()) {
      const isOfUser = subscription.target.user !== null;
      if (isOfUser && subscription.state === "active") subscription.end("unsure");
    }
    for (const count of this.counts.values()) if (count.state === "active") count.state = "unsure";
    if (!this.#isTelling) this.#leaveAsVoid();
  }

  /** Its instance was told of a loss, or passes over records that were set aside. */
  owe(written: number, setAside: Range | null): void {
    if (!this.isOpen) return;
    // What is on the way to it was sent before: its cursors are in front of the loss.
    this.line?.afterFrames(() => {
      for (const subscription of this.subscriptions.values()) subscription.owe(written, setAside);
    });
  }

  protected override takePush(frame: Frame): void {
    const { event, status, cursor } = frame;
    switch (event) {
      case "":
        if (this.#badFrames-- <= 0) throw new Violation(`an error came for nothing: ${status}`);
        return;
      case "stream":
        this.expectVersion1(event);
        this.stream = { status, at: this.options.loop.now };
        if (cursor !== undefined) this.#learn(cursor);
        return;
      case "server":
        this.expectVersion1(event);
        if (cursor !== undefined) this.#learn(cursor);
        return this.later(1000, () => this.options.random.chance(0.5, "leaves") && this.leave());
      case "authentication":
        this.expectVersion1(event);
        this.refused();
        this.#becomes(null);
        this.#renewToken();
        this.later(500, () => this.logIn());
        return this.#askForAll();
      default:
        return this.#takeOfSubscription(frame);
    }
  }

  protected override refused(): void {
    if (this.#hasReason || this.options.backend.mayHaveRefused) return;
    throw new Violation("it was logged out for no reason");
  }

  protected override answered(command: string): void {
    if (command !== "authentication" || !this.#isTelling) return;
    this.#isTelling = false;
    if (this.#isVoid) this.#leaveAsVoid();
  }

  /** It can't know whether it is still logged in. */
  #leaveAsVoid(): void {
    this.later(2000, () => this.#isVoid && this.leave());
  }

  #takeOfSubscription(frame: Frame): void {
    const subscription = [...this.subscriptions.values()].find(({ target }) =>
      target.event === frame.event
    );
    if (!subscription) {
      const count = [...this.counts.values()].find(({ event }) => event === frame.event);
      if (count) return count.take(frame);
      throw new Violation(`a push came for a subscription that it does not have: ${frame.event}`);
    }
    if (frame.status === "resync") this.expectVersion1(frame.status);
    subscription.take(frame, this.options.log);
    if (subscription.needsList) this.#plan(subscription, 1500);
  }

  /** Takes a cursor for all subscriptions of the session. */
  #learn(cursor: string): void {
    for (const subscription of this.subscriptions.values()) subscription.learn(cursor);
  }

  /** A count was refused. */
  #countRefused(count: ClientCount, { status }: Frame): void {
    if (status === "unauthorized" || status === "forbidden") {
      this.#renewToken();
      this.#retry(() => this.#sessionUser !== this.user && this.logIn());
    }
    this.#planCount(count, 1000);
  }

  /** Asks for a count after a while. */
  #planCount(count: ClientCount, ms: number): void {
    if (count.isPlanned) return;
    count.isPlanned = true;
    this.later(ms, () => {
      count.isPlanned = false;
      if (count.isWanted) this.#askForCount(count);
    });
  }

  #endCount(count: ClientCount, state: ClientCount["state"]): void {
    count.state = state;
    // While it is asked for, the service may still subscribe the session to it.
    const isOver = !count.isWanted && state === "none" && count.asking === 0;
    if (isOver && this.counts.get(count.target) === count) this.counts.delete(count.target);
  }

  get #wantedCounts(): ClientCount[] {
    return [...this.counts.values()].filter(({ isWanted }) => isWanted);
  }

  /** A list was refused. */
  #refused(subscription: ClientSubscription, { status }: Frame): void {
    this.#end(subscription, subscription.state);
    if (status === "unauthorized" || status === "forbidden") {
      if (subscription.state === "active" && this.#sessionUser === this.user) {
        // The session may have ended, of which the news comes later, or just the token.
        this.#renewToken();
      }
      return this.#retry(() => {
        if (this.user === null) return;
        this.token ??= this.options.backend.tokenFor(this.user);
        this.logIn();
      });
    }
    this.#plan(subscription, 1000);
  }

  #becomes(user: string | null): void {
    this.#sessionUser = user;
    this.#isTelling = false;
    for (const subscription of this.subscriptions.values()) {
      const { target } = subscription;
      // Those of the same user, and those to schedules, stay.
      if (target.user !== null && target.user !== user) this.#end(subscription, "none");
    }
    for (const count of this.counts.values()) {
      if (count.target.user !== user) this.#endCount(count, "none");
    }
  }

  #end(subscription: ClientSubscription, state: ClientSubscription["state"]): void {
    subscription.end(state);
    const { target, isOver } = subscription;
    // There may be a new one for the same target by now.
    if (isOver && this.subscriptions.get(target) === subscription) {
      this.subscriptions.delete(target);
    }
  }

  #wantNoNotifications(): void {
    for (const [target, subscription] of this.subscriptions) {
      if (target.user === null) continue;
      subscription.isWanted = false;
      if (subscription.isOver) this.subscriptions.delete(target);
    }
    for (const count of this.counts.values()) {
      count.isWanted = false;
      this.#endCount(count, count.state);
    }
  }

  get #wanted(): ClientSubscription[] {
    return [...this.subscriptions.values()].filter(({ isWanted }) => isWanted);
  }

  /** Before it logs in: a client that could not be told that its token is bad takes a good one. */
  #ensureToken(): void {
    if (this.user === null) return;
    const { backend } = this.options;
    if (!this.knowsVersion1 || backend.isOfAnother(this.token)) this.#renewToken();
    this.token ??= backend.tokenFor(this.user);
  }

  #renewToken(): void {
    const { backend } = this.options;
    if (this.user !== null && !backend.isValid(this.token, this.user)) {
      this.token = backend.tokenFor(this.user);
    }
  }

  /** Asks for everything that it wants, or only for what it does not have, which it may rely on. */
  #askForAll(): void {
    const isThrifty = this.options.random.chance(0.5, "thrifty");
    for (const { target, state } of this.#wanted) {
      if (state !== "active" || !isThrifty) this.list(target);
    }
    for (const count of this.#wantedCounts) this.#askForCount(count);
  }

  /** Asks for a list after a while. */
  #plan(subscription: ClientSubscription, ms: number): void {
    if (subscription.isPlanned) return;
    subscription.isPlanned = true;
    this.later(ms, () => {
      subscription.isPlanned = false;
      if (subscription.isWanted) this.list(subscription.target);
    });
  }

  #retry(run: () => void): void {
    this.later(800, run);
  }
}

function cursorOf({ cursor, event }: Frame): string {
  if (cursor === undefined) throw new Violation(`the reply ${event} has no cursor`);
  return cursor;
}
