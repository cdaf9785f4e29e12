/**
 * One session's subscription to a count (COUNT2). It reads no log: each reason marks it as due, the count
 * is then asked for again, and another total is pushed. These invariants hold:
 *
 * 1. The latest asking begins after the latest reason, unless it still waits for something: for the reply
 *    to a command, for an asking under way, for room in the outbox, or for a retry.
 * 2. While a command asks for the total, no other asking is under way. So no total is told after a newer one.
 * 3. An ended subscription sends nothing (SUB1).
 */
import type { KeptList } from "../../backend/lists.ts";
import type { Deliveries } from "../../observe/deliveries.ts";
import { type JsonText, pushFrame } from "../../protocol/frames.ts";
import type { CountTarget } from "../../protocol/target.ts";
import type { Subscriber } from "../pushes.ts";
import type { Reloads } from "../reloads.ts";
import type { Reloadable } from "../reloads/reload.ts";

/** The parts of the service that all counts use. */
export interface CountParts {
  readonly reloads: Pick<Reloads, "request" | "requestLater" | "cancel" | "asked">;
  readonly deliveries: Pick<Deliveries, "announced" | "stepped">;
}

/** What a count begins with. */
export interface CountSubscriptionOptions {
  readonly subscriber: Subscriber;
  readonly list: KeptList;
  readonly parts: CountParts;
}

/** What a count does at the moment. */
type State =
  | "idle"
  /** A command asks for the total. */
  | "held"
  /** The total is being asked for again, or that waits for its turn. */
  | "asked"
  /** It could not be had, and is tried again later, or when there is another reason. */
  | "failed"
  /** It waits for room in the outbox (SLOW1). */
  | "full"
  | "ended";

/** A session's subscription to a {@linkcode CountTarget}. */
export class CountSubscription implements Reloadable {
  readonly target: CountTarget;
  readonly subscriber: Subscriber;
  /** When the subscription began, in milliseconds since 1970. */
  readonly since: number = Date.now();
  readonly list: KeptList;
  /** Whether the client knows of the subscription: a reply that subscribes has gone out. */
  isAnswered = false;
  readonly #parts: CountParts;
  #state: State = "idle";
  /** Whether the total may have changed since the latest asking began. */
  #isDue = false;
  /** The total that the client was told last. */
  #told: JsonText | null = null;

  constructor(target: CountTarget, { subscriber, list, parts }: CountSubscriptionOptions) {
    this.target = target;
    this.subscriber = subscriber;
    this.list = list;
    this.#parts = parts;
  }

  /** Whether the client has been told everything that is known to have changed. */
  get isLive(): boolean {
    return this.#state === "idle" && !this.#isDue;
  }

  /** Notes that the total may have changed. It is asked for again. */
  ask(): void {
    this.#isDue = true;
    this.#proceed();
  }

  /** Asks again with the session's new token. */
  renew(): void {
    if (this.#state === "asked") {
      this.#parts.reloads.cancel(this);
      this.#state = "idle";
    }
    this.ask();
  }

  /** Notes that a command asks for the total from now on, until {@linkcode release}. */
  hold(): void {
    this.#parts.reloads.cancel(this);
    this.#state = "held";
    this.#isDue = false;
  }

  /** Notes the total with which the command is answered. */
  answered(total: JsonText): void {
    this.#told = total;
    this.#parts.reloads.asked(this);
  }

  /** Goes on, as the command's reply has gone out, or because the command has failed. */
  release({ hasFailed }: { hasFailed: boolean }): void {
    if (this.#state !== "held") return;
    this.#state = "idle";
    if (hasFailed) this.#isDue = true;
    this.#proceed();
  }

  /** Notes that the total is being asked for now. */
  reloadStarted(): void {
    this.#isDue = false;
  }

  /** Takes the total; `null` if it could not be had. */
  reloaded(total: JsonText | null): void {
    if (total === null) {
      this.#state = "failed";
      this.#parts.reloads.requestLater(this);
    } else {
      this.#state = "idle";
      if (total !== this.#told) this.#tell(total);
    }
    this.#proceed();
  }

  /** Asks again after a failure. */
  reloadByItself(): void {
    this.ask();
  }

  /** Ends the subscription. Returns false, as no message is held back for a count. */
  end(): boolean {
    this.#parts.reloads.cancel(this);
    this.#state = "ended";
    return false;
  }

  #tell(total: JsonText): void {
    const { outbox } = this.subscriber;
    // It is asked for once more when there is room: until then it would be out of date.
    if (!outbox.hasRoom) this.#isDue = true;
    else {
      this.#told = total;
      outbox.send(pushFrame(this.target.id, { status: "update", payload: total }));
      this.#parts.deliveries.announced({ type: "count", kind: "update" });
    }
  }

  /** Asks if that is due, as soon as it is possible. */
  #proceed(): void {
    const isFree = this.#state === "idle" || this.#state === "failed";
    if (!isFree || !this.#isDue) return;
    const { outbox } = this.subscriber;
    if (outbox.hasRoom) {
      this.#state = "asked";
      this.#parts.reloads.request(this);
      return;
    }
    this.#parts.reloads.cancel(this);
    this.#state = "full";
    outbox.whenRoom(() => {
      if (this.#state !== "full") return;
      this.#state = "idle";
      this.#proceed();
    });
  }
}
