/** A client on a bad line: it loses its connection and resumes on any instance that answers. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { delay } from "../../../src/util/delay.ts";
import type { Frame } from "../../_support/clients/client.ts";
import type { Instance } from "./fleet.ts";

export interface RoamingOptions {
  readonly token: string;
  readonly instances: readonly Pick<Instance, "url" | "life">[];
  readonly random: RandomGenerator;
  /** Milliseconds between two losses of the connection, at least and at most; `null` for none. */
  readonly cutsMs: readonly [number, number] | null;
}

/** A subscription of the client, and what the client keeps of it. */
interface Subscription {
  readonly command: string;
  readonly options: Record<string, unknown>;
  isListed: boolean;
  cursor?: string;
  /** Ids of all records that it was pushed. */
  readonly seen: Set<string>;
  /** The latest offset since the latest list, by partition. */
  latest: number[];
}

/** The rid of the first subscription; in front of it is the login. */
const FIRST_RID = 2;

export class RoamingClient {
  /** The numbers that it was pushed, or has found in a list. */
  readonly received = new Set<number>();
  readonly counts = {
    connections: 0,
    /** Replies that resumed. */
    resumed: 0,
    /** Replies that were a list, besides the first of each subscription. */
    listed: 0,
    /** Pushes that had come on an earlier connection. The client drops them. */
    repeated: 0,
    /** Pushes that had come on the same connection. */
    twice: 0,
    /** Pushes out of the order of their partition, since the latest list. */
    disordered: 0,
    resyncs: 0,
    /** Connections that a service ended that nobody was ending. */
    disconnected: 0,
    /** Requests that were not answered with ok. */
    refused: 0,
  };
  readonly #options: RoamingOptions;
  readonly #subscriptions: Subscription[] = [
    { command: "getSchedules", options: { where: { from: 1, to: 2, timezone: "UTC" } } },
    { command: "getMyNotifications", options: { where: { types: [] } } },
  ].map((list) => ({ ...list, isListed: false, seen: new Set(), latest: [] }));

  constructor(options: RoamingOptions) {
    this.#options = options;
  }

  /** Whether it is subscribed to all. */
  get isListed(): boolean {
    return this.#subscriptions.every(({ isListed }) => isListed);
  }

  /** Stays connected, as far as that is possible. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#connectOnce(signal);
      await delay(this.#between(20, 200), signal);
    }
  }

  /** One connection, until it ends or is cut. */
  #connectOnce(signal: AbortSignal): Promise<void> {
    const { instances, cutsMs } = this.#options;
    const instance = instances[this.#between(0, instances.length - 1)];
    if (!instance) throw new Error("There are no instances");
    const life = instance.life();
    const socket = new WebSocket(instance.url, ["wss.v1"]);
    let isOpen = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cut = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
      // Frames that are still on their way are lost, as on a dead line.
      socket.onmessage = null;
      socket.onclose = null;
      socket.close();
      resolve();
    };
    const timer = setTimeout(cut, cutsMs ? this.#between(...cutsMs) : 2 ** 31 - 1);
    signal.addEventListener("abort", cut);

    const events: (string | undefined)[] = [];
    const pushed = new Set<string>();
    const send = (request: unknown) => socket.send(JSON.stringify(request));
    socket.onopen = () => {
      isOpen = true;
      this.counts.connections++;
      send({ rid: 1, command: "authentication", options: { authToken: this.#options.token } });
      for (const [i, { command, options, cursor: since }] of this.#subscriptions.entries()) {
        send({ rid: i + FIRST_RID, command, options: { ...options, since } });
      }
    };
    socket.onmessage = ({ data }) => {
      const frame: Frame = JSON.parse(data);
      const { rid, event, status } = frame;
      if (status === "error" || status === "unauthorized") {
        if (instance.life() === life) this.counts.refused++;
        return cut();
      }
      if (rid >= FIRST_RID) events[rid - FIRST_RID] = event;
      const subscription = this.#subscriptions[events.indexOf(event)];
      if (!subscription) return;
      if (rid >= FIRST_RID) return this.#takeReply(subscription, frame);
      if (status === "update") return this.#takePush(subscription, { frame, pushed });
      // The client must ask for the list again.
      this.counts.resyncs++;
      delete subscription.cursor;
      cut();
    };
    socket.onclose = () => {
      if (isOpen && instance.life() === life) this.counts.disconnected++;
      cut();
    };
    return promise;
  }

  #takeReply(subscription: Subscription, { recovered, payload, cursor = "" }: Frame): void {
    if (recovered) {
      this.counts.resumed++;
    } else {
      if (subscription.isListed) this.counts.listed++;
      subscription.isListed = true;
      // An instance that is behind the former one pushes what that one's list already had (DEL2).
      subscription.latest = [];
      for (const n of payload) this.received.add(n);
    }
    subscription.cursor = cursor;
  }

  #takePush(
    subscription: Subscription,
    { frame: { id = "", payload, cursor = "" }, pushed }: { frame: Frame; pushed: Set<string> },
  ): void {
    subscription.cursor = cursor;
    const key = `${subscription.command} ${id}`;
    if (pushed.has(key)) this.counts.twice++;
    pushed.add(key);
    if (subscription.seen.has(id)) {
      this.counts.repeated++;
      return;
    }
    subscription.seen.add(id);
    this.received.add(payload);
    const [partition = 0, offset = 0] = id.split("-").map(Number);
    if (offset < (subscription.latest[partition] ?? 0)) this.counts.disordered++;
    subscription.latest[partition] = offset;
  }

  #between(from: number, to: number): number {
    return uniformInt(this.#options.random, from, to);
  }
}
