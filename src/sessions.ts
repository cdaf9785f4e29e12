/**
 * Who is connected, as which user, subscribed to what. The two ways through the service meet here:
 * commands join and leave, Kafka messages fan out.
 */
import type { ListRequest } from "./backend.ts";
import { type JsonText, pushFrame } from "./protocol.ts";
import type { Target } from "./subscription_id.ts";
import { Subscription } from "./subscriptions.ts";

/** One connection's identity and subscriptions. It begins as a guest (NET6). */
export class Session {
  readonly id: string = crypto.randomUUID();
  readonly send: (frame: string) => void;
  readonly #index: Index;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #user: string | null = null;
  #token: string | null = null;

  constructor(index: Index, send: (frame: string) => void) {
    this.#index = index;
    this.send = send;
  }

  /** The user's id; `null` for a guest. */
  get user(): string | null {
    return this.#user;
  }

  /** The token with which the user logged in, exactly as it was given; `null` for a guest. */
  get token(): string | null {
    return this.#token;
  }

  /** Belongs to a user from now on; every subscription is dropped (AUTH1). */
  logIn({ user, token }: { user: string; token: string }): void {
    this.unsubscribe();
    this.#user = user;
    this.#token = token;
  }

  /** Another token for the same user; subscriptions stay (AUTH4). */
  renew(token: string): void {
    this.#token = token;
  }

  /** A guest from now on; every subscription is dropped (AUTH2). */
  logOut(): void {
    this.unsubscribe();
    this.#user = null;
    this.#token = null;
  }

  /** The subscription of that id, if this session has it. */
  subscription(id: string): Subscription | undefined {
    return this.#subscriptions.get(id);
  }

  /** Subscribes; the session must not have that subscription yet. */
  subscribe(target: Target, list: ListRequest): Subscription {
    const subscription = new Subscription(target, { subscriber: this, list });
    this.#subscriptions.set(target.id, subscription);
    this.#index.add(subscription);
    return subscription;
  }

  /** Ends the named subscriptions, or all; ids that it does not have are ignored (SUB1). */
  unsubscribe(ids: Iterable<string> = [...this.#subscriptions.keys()]): void {
    for (const id of ids) {
      const subscription = this.#subscriptions.get(id);
      if (!subscription) continue;
      this.#subscriptions.delete(id);
      this.#index.remove(subscription);
      subscription.end();
    }
  }

  /** Runs work for one subscription id after all that was asked for that id before (LIST2). */
  async inTurn<T>(subscriptionId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(subscriptionId);
    const { promise: turn, resolve: done } = Promise.withResolvers<void>();
    this.#turns.set(subscriptionId, turn);
    await before;
    try {
      return await work();
    } finally {
      done();
      if (this.#turns.get(subscriptionId) === turn) this.#turns.delete(subscriptionId);
    }
  }
}

/** Whom a message is for. */
export type Addressees =
  | { readonly by: "subscription"; readonly ids: ReadonlySet<string> }
  | { readonly by: "resource"; readonly resource: "schedule" }
  | { readonly by: "user"; readonly user: string; readonly type: string };

/** All sessions of this instance. */
export interface Sessions {
  /** How many sessions there are. */
  readonly size: number;
  /** A new session, a guest. `send` hands a frame to its socket and must not throw. */
  open(send: (frame: string) => void): Session;
  /** Forgets a session and all that it is subscribed to (LIFE3). */
  close(session: Session): void;
  /** Every subscription that a message is for, each once. */
  find(addressees: Addressees): Iterable<Subscription>;
  /** Pushes `data` to all whom it is for; `id` is the record's (DEL4). */
  update(addressees: Addressees, push: { payload: JsonText; id: string }): void;
  /** Entries in the indexes, all of them 0 when nobody is subscribed. */
  indexSizes(): { subscriptions: number; users: number; resources: number };
}

/** The subscriptions of all sessions to one target: they get the same frames. */
interface Channel {
  readonly target: Target;
  readonly members: Set<Subscription>;
}

/** Finds channels by what messages address. */
class Index {
  readonly byId = new Map<string, Channel>();
  readonly byUser = new Map<string, Set<Channel>>();
  readonly byResource = new Map<string, Set<Channel>>();

  add(subscription: Subscription): void {
    const { target } = subscription;
    let channel = this.byId.get(target.id);
    if (!channel) {
      channel = { target, members: new Set() };
      this.byId.set(target.id, channel);
      const [map, key] = this.#place(target);
      const channels = map.get(key);
      if (channels) channels.add(channel);
      else map.set(key, new Set([channel]));
    }
    channel.members.add(subscription);
  }

  remove(subscription: Subscription): void {
    const { target } = subscription;
    const channel = this.byId.get(target.id);
    if (!channel?.members.delete(subscription) || channel.members.size > 0) return;
    this.byId.delete(target.id);
    const [map, key] = this.#place(target);
    const channels = map.get(key);
    if (channels?.delete(channel) && channels.size === 0) map.delete(key);
  }

  *channels(addressees: Addressees): Iterable<Channel> {
    switch (addressees.by) {
      case "subscription":
        for (const id of addressees.ids) {
          const channel = this.byId.get(id);
          if (channel) yield channel;
        }
        return;
      case "resource":
        yield* this.byResource.get(addressees.resource) ?? [];
        return;
      case "user":
        for (const channel of this.byUser.get(addressees.user) ?? []) {
          const { target } = channel;
          if (target.resource === "notification" && wants(target.where.types, addressees.type)) {
            yield channel;
          }
        }
        return;
    }
  }

  #place(target: Target): [Map<string, Set<Channel>>, string] {
    return target.resource === "notification"
      ? [this.byUser, target.where.userId]
      : [this.byResource, target.resource];
  }
}

function wants(types: readonly string[], type: string): boolean {
  return types.length === 0 || types.includes(type);
}

/** Makes an empty {@linkcode Sessions}. */
export function createSessions(): Sessions {
  const sessions = new Set<Session>();
  const index = new Index();

  return {
    get size() {
      return sessions.size;
    },

    open(send) {
      const session = new Session(index, send);
      sessions.add(session);
      return session;
    },

    close(session) {
      sessions.delete(session);
      session.logOut();
    },

    *find(addressees) {
      for (const channel of index.channels(addressees)) yield* channel.members;
    },

    update(addressees, { payload, id }) {
      for (const { target, members } of index.channels(addressees)) {
        const frame = pushFrame(target.id, { status: "update", payload, id });
        for (const subscription of members) subscription.push(frame);
      }
    },

    indexSizes() {
      return {
        subscriptions: index.byId.size,
        users: index.byUser.size,
        resources: index.byResource.size,
      };
    },
  };
}
