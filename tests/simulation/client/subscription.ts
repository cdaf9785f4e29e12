/** One subscription that a client wants, and what it knows of it. */
import type { Cursor } from "../../../src/log/cursor.ts";
import { Knowledge, Violation } from "../oracle/knowledge.ts";
import type { Item, Target } from "../oracle/targets.ts";
import type { ListBody } from "../world/backend.ts";
import type { Log } from "../world/log.ts";
import type { Frame } from "./frames.ts";

/** A cursor, and what the client knew when it got it. */
interface Known {
  readonly cursor: string;
  readonly knowledge: Knowledge;
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
}

/** Records that an instance passes over. */
export interface Range {
  readonly partition: number;
  /** The offset after that of the last one. */
  readonly to: number;
}

/** What a subscription must know of its world. */
export interface SubscriptionWorld {
  readonly now: () => number;
  /** Reads a cursor; `null` if the text is none. */
  readonly decode: (cursor: string) => Cursor | null;
  /** Whether nothing of this world is a reason for a `resync`. */
  readonly losesNothing: boolean;
  /** Whether a young cursor must be taken by every instance. */
  readonly resumesAll: boolean;
}

/** Milliseconds for which a cursor is young: well within the largest window of a plan. */
const YOUNG_MS = 200_000;

/** Cursors that a client keeps. */
const MAX_CURSORS = 4;

/** A client's subscription. */
export class ClientSubscription {
  readonly target: Target;
  /**
   * Whether the service has it on this connection. If the client can't know it, pushes may come, but none
   * is due.
   */
  state: "none" | "unsure" | "active" = "none";
  /** Whether the client still wants it. */
  isWanted = true;
  /** Lists that it is asked for. */
  asking = 0;
  /** Whether a `resync` has come, and no list since. */
  needsList = false;
  /** Whether the client will ask for it. */
  isPlanned = false;
  readonly #isStrict: boolean;
  readonly #world: SubscriptionWorld;
  #knowledge: Knowledge;
  #cursors: Known[] = [];
  /** By partition: where it has gone on on this connection, which may be ahead of its instance. */
  #resumedFrom: readonly number[] = [];

  /** @param options.isStrict Whether the client knows `resync` */
  constructor(
    target: Target,
    { isStrict, world }: { isStrict: boolean; world: SubscriptionWorld },
  ) {
    this.target = target;
    this.#world = world;
    this.#isStrict = isStrict;
    this.#knowledge = new Knowledge(target);
  }

  get cursors(): readonly Known[] {
    return this.#cursors;
  }

  /** Takes a reply that subscribes. */
  answered(
    { list, cursor, since }: { list: ListBody | null; cursor: string; since: Known | null },
  ): void {
    const { resumesAll, now } = this.#world;
    if (list && since && resumesAll && this.state === "none" && now() - since.at < YOUNG_MS) {
      throw new Violation(`a list came, though everything after ${since.cursor} was there`);
    }
    if (this.state !== "active") this.#resumedFrom = [];
    if (list) {
      if (this.state !== "active") this.#knowledge = new Knowledge(this.target);
      this.#listed(list);
    } else if (this.state !== "active") {
      if (!since) throw new Violation("a reply without a list, though there was no cursor");
      const isStrict = this.#isStrict && !isInFrontOfAll(this.#world.decode(since.cursor));
      this.#knowledge = since.knowledge.resumed({ isStrict });
    } else if (since) {
      // What the cursor stands for is left out from now on.
      this.#knowledge.add(since.knowledge);
    }
    this.state = "active";
    if (since && !list) this.#noteResumed(this.#world.decode(since.cursor)?.positions ?? []);
    // The reply of a resume has the client's own cursor, which may be an old one.
    if (since && !list) this.#keep(since);
    else this.learn(cursor);
  }

  /** Takes a list, or a later page of it. */
  #listed(list: ListBody): void {
    const { user, types, key } = this.target;
    const isOwn = list.user === user && list.types.join("+") === types.join("+") &&
      (user !== null || key === `schedule:${list.from}`);
    if (!isOwn) throw new Violation(`the list ${JSON.stringify(list)} came for ${key}`);
    if (list.skip === null) {
      this.#knowledge.list(list.upTo);
      this.needsList = false;
    } else if (this.state !== "active") {
      this.#knowledge.begin(list.upTo);
    }
  }

  /** Takes a push. */
  take({ event, status, payload, id, cursor, isLastOfEvent }: Frame, log: Log): void {
    if (this.state === "none") throw new Violation(`a push came for ${event}, which has ended`);
    switch (status) {
      case "update":
        this.#update(log.items[(payload as { g: number }).g], id);
        break;
      case "reload": {
        const list = payload as ListBody;
        if (list.skip !== null) throw new Violation("a reload has skipped something");
        this.#listed(list);
        break;
      }
      case "resync":
        this.#resynced(log.g);
        break;
      default:
        throw new Violation(`a push has the status ${status}`);
    }
    if (cursor !== undefined) this.learn(cursor);
    else if (isLastOfEvent) throw new Violation("a push has no cursor");
  }

  #update(item: Item | undefined, id: string | undefined): void {
    if (!item || id !== `${item.partition}-${item.offset}`) {
      throw new Violation(`${id} came with what is #${item?.g}`);
    }
    this.#knowledge.push(item, { isStrict: this.#isStrict, isOwed: this.state === "active" });
  }

  #resynced(written: number): void {
    if (this.#world.losesNothing) throw new Violation("a resync came in vain");
    this.needsList = true;
    // A client that has missed something asks for the list, wherever it connects next.
    this.#cursors = [];
    this.#resumedFrom = [];
    this.#knowledge.resync(written);
  }

  #noteResumed(positions: readonly number[]): void {
    this.#resumedFrom = positions.map((to, p) => Math.max(to, this.#resumedFrom[p] ?? 0));
  }

  /** Notes a cursor, which stands for everything that came before it. */
  learn(cursor: string): void {
    if (this.needsList || this.state !== "active") return;
    this.#keep({ cursor, knowledge: this.#knowledge.clone(), at: this.#world.now() });
  }

  #keep(known: Known): void {
    if (this.#cursors.at(-1)?.cursor === known.cursor) this.#cursors.pop();
    this.#cursors.push(known);
    if (this.#cursors.length > MAX_CURSORS) this.#cursors.shift();
  }

  /** Notes that its instance was told of a loss, so that it must be told, too. */
  owe(written: number, setAside: Range | null): void {
    if (this.state !== "active") return;
    if (!setAside) this.#resumedFrom = [];
    // Its cursor is of an instance that was ahead, where it was told.
    else if ((this.#resumedFrom[setAside.partition] ?? 0) >= setAside.to) return;
    this.#knowledge.owe(written);
  }

  /** Ends it on this connection. */
  end(state: ClientSubscription["state"]): void {
    this.state = state;
  }

  /** Whether the client can forget it. */
  get isOver(): boolean {
    return !this.isWanted && this.state === "none" && this.asking === 0;
  }

  /** Why it is not done yet; `null` if it is. */
  get unsettled(): string | null {
    if (this.state !== "active") return `it is ${this.state}`;
    if (this.needsList) return "a list is needed";
    return this.#knowledge.missing();
  }
}

/**
 * Whether it is a cursor in front of a loss that was still to be told, which has the time 0, and in front of
 * every record: an instance that has not read of the loss yet takes it, and pushes all once more.
 */
function isInFrontOfAll(cursor: Cursor | null): boolean {
  return cursor?.timeMs === 0 && cursor.positions.every((position) => position === 0);
}
