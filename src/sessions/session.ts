/**
 * One connection's identity and subscriptions: requests change them, and records reach the client
 * through them.
 */
import type { Caller } from "../backend/backend.ts";
import type { KeptList } from "../backend/lists.ts";
import type { Holder } from "../backend/places/shares.ts";
import type { Login } from "../backend/tokens.ts";
import type { Channels } from "./channels.ts";
import { CountSubscription } from "./counts/count_subscription.ts";
import type { Counts } from "./counts/counts.ts";
import type { MultiMap } from "../util/multi_map.ts";
import { NULL, pushFrame } from "../protocol/frames.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { type CountTarget, isOfUser, type Target } from "../protocol/target.ts";
import type { Transport } from "../protocol/transport.ts";
import type { Deliveries } from "../observe/deliveries.ts";
import { briefOf } from "../observe/delivery_trace.ts";
import type { Subscriber } from "./pushes.ts";
import { Subscription } from "./subscription.ts";
import type { EndReason, SubscriptionParts } from "./subscription/state.ts";

/** What a session needs to know of its connection. */
export interface SessionOptions {
  /** Whether the client offered `wss.v1` (NET5). */
  readonly knowsVersion1: boolean;
  /** Whether the client offered `wss.v1.batch`: a frame may then hold several messages (BAT1). */
  readonly knowsBatches: boolean;
  readonly outbox: Subscriber["outbox"];
  /** The path at which the client connected. */
  readonly endpoint: Endpoint;
  /** The address of the client, as far as it is known (LIM1). */
  readonly address: string;
  readonly connection: RefusableConnection;
  /** How the client is connected. Default: `socket`. */
  readonly transport?: Transport;
}

/** The part of a connection that a session uses. */
export interface RefusableConnection {
  /** Closes the connection after the replies under way, as the token is refused. */
  closeAsRefused(): void;
}

/** What all sessions of an instance share. */
export interface SharedBySessions {
  /** What subscriptions use. */
  readonly parts: SubscriptionParts<Subscription>;
  readonly deliveries: Pick<Deliveries, "announced" | "ended">;
  readonly channels: Channels;
  readonly counts: Counts;
  /** The sessions of each user, by the user's id. */
  readonly users: MultiMap<Session>;
  /** Called after a session's token has changed; a guest's token is `null`. */
  readonly onToken: (session: Session) => void;
}

const NONE: readonly never[] = [];

/** One connection's identity and subscriptions. It begins as a guest's (NET6). */
export class Session implements Subscriber {
  readonly id: string = crypto.randomUUID();
  readonly knowsVersion1: boolean;
  readonly knowsBatches: boolean;
  readonly outbox: Subscriber["outbox"];
  readonly endpoint: SessionOptions["endpoint"];
  readonly address: string;
  readonly transport: Transport;
  /** In milliseconds since 1970. */
  readonly connectedAt: number = Date.now();
  readonly #connection: RefusableConnection;
  readonly #shared: SharedBySessions;
  /** Replaced at each change. A session has few subscriptions, so a map would take more memory. */
  #subscriptions: readonly Subscription[] = NONE;
  #counts: readonly CountSubscription[] = NONE;
  /** By subscription id, resolves when the latest request for that list is done; `null` if none. */
  #listLocks: Map<string, Promise<void>> | null = null;
  /** When the session last had a user, a subscription or a request, by `performance.now()`. */
  activeAt: number = performance.now();
  /** `null` for a guest. */
  #login: (Login & { readonly since: number }) | null = null;

  constructor(
    { transport = "socket", ...options }: SessionOptions,
    shared: SharedBySessions,
  ) {
    const { knowsVersion1, knowsBatches, outbox, endpoint, address, connection } = options;
    this.transport = transport;
    this.knowsVersion1 = knowsVersion1;
    this.knowsBatches = knowsBatches;
    this.outbox = outbox;
    this.endpoint = endpoint;
    this.address = address;
    this.#connection = connection;
    this.#shared = shared;
  }

  /** The user's id; `null` for a guest. */
  get user(): string | null {
    return this.#login?.user ?? null;
  }

  /** The user's token; `null` for a guest. */
  get token(): string | null {
    return this.#login?.token ?? null;
  }

  /** The user's login, with its time in milliseconds since 1970; `null` for a guest. */
  get login(): (Login & { readonly since: number }) | null {
    return this.#login;
  }

  /** Whether the session may have this list or count: it is its user's, or anybody's. */
  mayHave(target: Target | CountTarget): boolean {
    return !isOfUser(target) || target.where.userId === this.user;
  }

  /** Makes the session this user's. Subscriptions of another user end (AUTH1). */
  logIn(login: Login): void {
    if (login.user === this.user) return this.renew(login);
    this.logOut("logged in as another user");
    this.#login = { ...login, since: Date.now() };
    this.#shared.users.add(login.user, this);
    this.#shared.onToken(this);
  }

  /** Replaces the token of the same user. Subscriptions stay (AUTH4). */
  renew(login: Login): void {
    this.#login = { ...login, since: this.#login?.since ?? Date.now() };
    const { reloads } = this.#shared.parts;
    for (const subscription of this.#subscriptions) reloads.renew(subscription);
    for (const count of this.#counts) count.renew();
    this.#shared.onToken(this);
  }

  /** Makes the session a guest's. The user's subscriptions end (AUTH2). */
  logOut(why: EndReason = "logged out"): void {
    const targets = this.all.map(({ target }) => target).filter(isOfUser);
    this.unsubscribe(targets.map(({ id }) => id), why);
    this.activeAt = performance.now();
    if (this.#login) {
      const { user, since: from } = this.#login;
      this.#shared.users.delete(user, this);
      const to = Date.now();
      this.#shared.deliveries.ended({ kind: "login", session: this.id, user, from, to, why });
    }
    this.#login = null;
    this.#shared.onToken(this);
  }

  /**
   * Logs the session out without a request of its client, and tells the client. A client that could not
   * understand this has to connect again (AUTH6), and a stream that has nothing left to send ends (HTTP4).
   */
  revoke(): void {
    this.logOut("token refused, or a logout message");
    if (!this.knowsVersion1) return this.#connection.closeAsRefused();
    this.outbox.send(pushFrame("authentication", { status: "unauthorized", payload: NULL }));
    this.#shared.deliveries.announced({ type: "authentication", kind: "unauthorized" });
    if (this.transport === "stream") this.#connection.closeAsRefused();
  }

  /** Ends everything that belongs to the session (LIFE3). */
  end(): void {
    const why = "the connection ended";
    this.unsubscribe(this.all.map(({ target }) => target.id), why);
    this.logOut(why);
  }

  /** The caller of requests that this session's client causes. */
  caller(signal: AbortSignal): Caller {
    return { token: this.token, signal, holder: this.#holder("user") };
  }

  /** The caller of requests that the service makes for this session: revalidations and reloads. */
  keptCaller(signal: AbortSignal): Caller {
    return { token: this.token, signal, holder: this.#holder("kept") };
  }

  #holder(kind: "user" | "kept"): Holder {
    return { asker: this, address: this.address, kind: this.#login === null ? "guest" : kind };
  }

  /** All subscriptions of the session, to records and to counts. */
  get all(): readonly (Subscription | CountSubscription)[] {
    if (this.#counts.length === 0) return this.#subscriptions;
    return [...this.#subscriptions, ...this.#counts];
  }

  /** How many subscriptions the session has, counts included. */
  get subscriptionCount(): number {
    return this.#subscriptions.length + this.#counts.length;
  }

  /** How much the subscriptions count for MAX_SESSION_BYTES (LIM5). */
  get keptBytes(): number {
    return this.all.reduce((sum, { list }) => sum + list.bytes, 0);
  }

  /** Whether the reply of at least one current subscription has gone out. */
  get isAnswered(): boolean {
    return this.all.some(({ isAnswered }) => isAnswered);
  }

  /** Whether the session has a subscription. */
  get isSubscribed(): boolean {
    return this.subscriptionCount > 0;
  }

  /** Whether every subscription is live: nothing is held back, and nothing is catching up. */
  get isLive(): boolean {
    return this.#subscriptions.every((subscription) => subscription.isLive);
  }

  /** All subscriptions of the session to records. */
  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions;
  }

  /** The subscription to records with this id, if the session has it. */
  subscription(id: string): Subscription | undefined {
    return this.#subscriptions.find(({ target }) => target.id === id);
  }

  /** The subscription to a count with this id, if the session has it. */
  count(id: string): CountSubscription | undefined {
    return this.#counts.find(({ target }) => target.id === id);
  }

  /** Asks for all counts of the session again. */
  askForCounts(): void {
    for (const count of this.#counts) count.ask();
  }

  /** Notes that the user's notifications were marked: all counts of the user here are asked for again. */
  marked(user: string): void {
    this.#shared.counts.askOfUser(user);
  }

  /** Subscribes to a count. The session must not have this subscription yet. */
  subscribeToCount(target: CountTarget, list: KeptList): CountSubscription {
    const { counts } = this.#shared;
    const count = counts.make(target, { subscriber: this, list });
    this.#counts = this.#counts.concat(count);
    if (this.transport !== "post") counts.add(count);
    return count;
  }

  /** Subscribes. The session must not have this subscription yet. */
  subscribe(target: Target, list: KeptList): Subscription {
    const { parts, channels } = this.#shared;
    const subscription = new Subscription(target, { subscriber: this, list, parts });
    this.#subscriptions = this.#subscriptions.concat(subscription);
    // No message is for a POST (HTTP1). Its subscription is there for the cursor of its reply.
    if (this.transport !== "post") channels.add(subscription);
    return subscription;
  }

  /** Ends these subscriptions. Ids that the session does not have are ignored (SUB1). */
  unsubscribe(ids: Iterable<string>, why: EndReason): void {
    this.activeAt = performance.now();
    const [session, user, to] = [this.id, this.user, Date.now()];
    // A client may name very many ids. So each is looked at once, not for each subscription.
    const unwanted = new Set(ids);
    const ended = this.all.filter(({ target }) => unwanted.has(target.id));
    if (ended.length === 0) return;
    this.#subscriptions = this.#subscriptions.filter(({ target }) => !unwanted.has(target.id));
    this.#counts = this.#counts.filter(({ target }) => !unwanted.has(target.id));
    for (const subscription of ended) {
      if (subscription instanceof CountSubscription) this.#shared.counts.remove(subscription);
      else this.#shared.channels.remove(subscription);
      const hadMore = subscription.end();
      // The client never knew of it, and no message needs its end to be explained.
      if (why === "its list failed" && !hadMore) continue;
      const { since: from } = subscription;
      const target = briefOf(subscription.target);
      this.#shared.deliveries.ended({ kind: "subscription", session, user, target, from, to, why });
    }
  }

  /**
   * Waits for the earlier requests for the same list, so that lists of one subscription are asked
   * for one after another (LIST2).
   *
   * @returns A function that releases the lock
   */
  async lockList(subscriptionId: string): Promise<() => void> {
    const locks = this.#listLocks ??= new Map();
    const previous = locks.get(subscriptionId);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    locks.set(subscriptionId, done);
    await previous;
    return () => {
      resolve();
      if (locks.get(subscriptionId) === done) locks.delete(subscriptionId);
      if (locks.size === 0 && this.#listLocks === locks) this.#listLocks = null;
    };
  }
}
