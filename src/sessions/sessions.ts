/**
 * Who is connected, as which user, subscribed to what. The two ways through the service meet here:
 * commands join and leave, Kafka messages fan out.
 */
import type { ListRequest } from "../backend/backend.ts";
import { Channels } from "./channels.ts";
import type { FanOut } from "./fan_out.ts";
import type { Entry } from "../log/window.ts";
import { MultiMap } from "../util/multi_map.ts";
import { NULL, pushFrame } from "../protocol/frames.ts";
import type { Lost } from "../log/stream.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import type { Target } from "../protocol/target.ts";
import { briefOf } from "../observe/delivery_trace.ts";
import { type Feed, type Subscriber, Subscription } from "./subscription.ts";

/** What a session needs of its connection. */
export interface SessionOptions {
  /** Whether the client offered `wss.v1` (NET5). */
  readonly knowsVersion1: boolean;
  /** Whether it offered `wss.v1.batch`, and so takes and sends several messages in a frame (BAT1). */
  readonly knowsBatches: boolean;
  readonly outbox: Subscriber["outbox"];
  /** The path at which it has connected. */
  readonly endpoint: Endpoint;
}

/** Why a subscription or a login has ended. */
export type EndReason =
  | "unsubscribed"
  | "its list failed"
  | "logged out"
  | "logged in again"
  | "token refused, or a logout message"
  | "the connection ended";

/** What all sessions share. */
export interface SessionsOptions {
  readonly feed: Feed;
  readonly fanOut: Pick<FanOut, "start">;
  /** Called when a session has another token than before, or none. */
  readonly onToken: (session: Session) => void;
}

interface Shared extends Pick<SessionsOptions, "feed" | "onToken"> {
  readonly channels: Channels;
  /** Sessions, by their users' ids. */
  readonly users: MultiMap<Session>;
}

const NONE: readonly Subscription[] = [];

/** One connection's identity and subscriptions. It begins as a guest (NET6). */
export class Session implements Subscriber {
  readonly id: string = crypto.randomUUID();
  readonly knowsVersion1: boolean;
  readonly knowsBatches: boolean;
  readonly outbox: Subscriber["outbox"];
  readonly endpoint: SessionOptions["endpoint"];
  /** In milliseconds since 1970. */
  readonly connectedAt: number = Date.now();
  readonly #shared: Shared;
  /** Another array at each change: it has few, for which a map would take more. */
  #subscriptions = NONE;
  /** The last turn of each subscription that is being asked for. */
  #turns: Map<string, Promise<void>> | null = null;
  /** When it last had a user, a subscription or a request, by `performance.now()`. */
  activeAt: number = performance.now();
  #user: string | null = null;
  #userSince = 0;
  #token: string | null = null;
  #login = 0;

  constructor(
    { knowsVersion1, knowsBatches, outbox, endpoint }: SessionOptions,
    shared: Shared,
  ) {
    this.knowsVersion1 = knowsVersion1;
    this.knowsBatches = knowsBatches;
    this.outbox = outbox;
    this.endpoint = endpoint;
    this.#shared = shared;
  }

  /** The user's id; `null` for a guest. */
  get user(): string | null {
    return this.#user;
  }

  /** Since when, in milliseconds since 1970. */
  get userSince(): number {
    return this.#userSince;
  }

  /** The token with which the user logged in, exactly as it was given; `null` for a guest. */
  get token(): string | null {
    return this.#token;
  }

  /** Another number after each login and logout: what was asked for before is of another user. */
  get login(): number {
    return this.#login;
  }

  /** Belongs to a user from now on; every subscription is dropped (AUTH1). */
  logIn({ user, token }: { user: string; token: string }): void {
    this.logOut("logged in again");
    this.#user = user;
    this.#userSince = Date.now();
    this.#token = token;
    this.#shared.users.add(user, this);
    this.#shared.onToken(this);
  }

  /** Another token for the same user; subscriptions stay (AUTH4). */
  renew(token: string): void {
    this.#token = token;
    for (const subscription of this.#subscriptions) this.#shared.feed.renewReload(subscription);
    this.#shared.onToken(this);
  }

  /** A guest from now on; every subscription is dropped (AUTH2). */
  logOut(why: EndReason = "logged out"): void {
    this.unsubscribe(this.#subscriptions.map(({ target }) => target.id), why);
    this.activeAt = performance.now();
    this.#login++;
    if (this.#user !== null) {
      this.#shared.users.delete(this.#user, this);
      const [user, from, to] = [this.#user, this.#userSince, Date.now()];
      this.#shared.feed.trace.over({ kind: "login", session: this.id, user, from, to, why });
    }
    this.#user = null;
    this.#token = null;
    this.#shared.onToken(this);
  }

  /** A guest from now on, not by its own wish (AUTH6). */
  revoke(): void {
    this.logOut("token refused, or a logout message");
    if (!this.knowsVersion1) return;
    this.outbox.send(pushFrame("authentication", { status: "unauthorized", payload: NULL }));
    this.#shared.feed.trace.announced("authentication", "unauthorized");
  }

  /** How many subscriptions it has. */
  get subscriptionCount(): number {
    return this.#subscriptions.length;
  }

  /** Whether it has been told of a subscription that it has. */
  get isAnswered(): boolean {
    return this.#subscriptions.some(({ isAnswered }) => isAnswered);
  }

  /** Whether it has a subscription. */
  get isSubscribed(): boolean {
    return this.#subscriptions.length > 0;
  }

  /** Whether nothing is held back for it, and nothing is catching up. */
  get isLive(): boolean {
    return this.#subscriptions.every((subscription) => subscription.isLive);
  }

  /** All subscriptions that it has. */
  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions;
  }

  /** The subscription of that id, if this session has it. */
  subscription(id: string): Subscription | undefined {
    return this.#subscriptions.find(({ target }) => target.id === id);
  }

  /** Subscribes; the session must not have that subscription yet. */
  subscribe(target: Target, list: ListRequest): Subscription {
    const subscription = new Subscription(target, {
      subscriber: this,
      list,
      feed: this.#shared.feed,
    });
    this.#subscriptions = this.#subscriptions.concat(subscription);
    this.#shared.channels.add(subscription);
    return subscription;
  }

  /** Ends the named subscriptions; ids that it does not have are ignored (SUB1). */
  unsubscribe(ids: Iterable<string>, why: EndReason): void {
    this.activeAt = performance.now();
    const [session, user, to] = [this.id, this.#user, Date.now()];
    for (const id of ids) {
      const subscription = this.subscription(id);
      if (!subscription) continue;
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
      this.#shared.channels.remove(subscription);
      subscription.end();
      // Its client was never told of one whose list failed.
      if (why === "its list failed") continue;
      const { since: from } = subscription;
      const target = briefOf(subscription.target);
      this.#shared.feed.trace.over({ kind: "subscription", session, user, target, from, to, why });
    }
  }

  /**
   * Waits until all is over that was asked for a subscription id before (LIST2).
   *
   * @returns The function that ends the turn
   */
  async lockList(subscriptionId: string): Promise<() => void> {
    const turns = this.#turns ??= new Map();
    const before = turns.get(subscriptionId);
    const { promise: turn, resolve } = Promise.withResolvers<void>();
    turns.set(subscriptionId, turn);
    await before;
    return () => {
      resolve();
      if (turns.get(subscriptionId) === turn) turns.delete(subscriptionId);
      if (turns.size === 0 && this.#turns === turns) this.#turns = null;
    };
  }
}

/** All sessions of this instance. */
export interface Sessions extends Iterable<Session> {
  /** How many sessions there are. */
  readonly size: number;
  /** A new session, a guest. */
  open(options: SessionOptions): Session;
  /** The session of that id. */
  get(id: string): Session | undefined;
  /** Forgets a session and all that it is subscribed to (LIFE3); `why` is for operators. */
  close(session: Session, why: string): void;
  /** The sessions of a user. */
  ofUser(user: string): Session[];
  /** The subscriptions of that id, one a session at most. */
  subscribers(id: string): Subscription[];
  /** Has a record handed to all whom it is for; gives how many subscriptions that are. */
  deliver(entry: Entry): number;
  /** Tells all subscriptions that something was lost (DEL12). */
  lose(lost: Lost): void;
  /** Entries in the indexes, all of them 0 when nobody is subscribed or logged in. */
  indexSizes(): { keys: number; users: number };
}

/** Makes an empty {@linkcode Sessions}. */
export function createSessions(options: SessionsOptions): Sessions {
  const { fanOut, feed: { trace } } = options;
  const sessions = new Map<string, Session>();
  const channels = new Channels();
  const users = new MultiMap<Session>();
  const shared = { ...options, channels, users };

  return {
    get size() {
      return sessions.size;
    },

    [Symbol.iterator]: () => sessions.values(),

    open(connection) {
      const session = new Session(connection, shared);
      sessions.set(session.id, session);
      return session;
    },

    get: (id) => sessions.get(id),

    close(session, why) {
      const { id, user, connectedAt: from } = session;
      sessions.delete(id);
      session.logOut("the connection ended");
      trace.over({ kind: "session", session: id, user, from, to: Date.now(), why });
    },

    ofUser: (user) => [...users.get(user)],

    subscribers: (id) => [...channels.members(id)],

    deliver: (entry) => fanOut.start(entry, channels.addressedBy(entry.delivery.to)),

    lose(lost) {
      for (const session of sessions.values()) {
        for (const subscription of session.subscriptions) subscription.lose(lost);
      }
    },

    indexSizes: () => ({ keys: channels.keyCount, users: users.size }),
  };
}
