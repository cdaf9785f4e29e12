/** A subscription to a count that a client wants, and the totals that it was told. */
import { Violation } from "../oracle/knowledge.ts";
import type { Target } from "../oracle/targets.ts";
import type { Frame } from "./frames.ts";

/** A client's subscription to the number of what a target is owed. */
export class ClientCount {
  /** Whose number it is. */
  readonly target: Target;
  /** Its id, once it is known. */
  event: string | null = null;
  /**
   * Whether the service has it on this connection. If the client can't know it, pushes may come, but none
   * is due.
   */
  state: "none" | "unsure" | "active" = "none";
  isWanted = true;
  isPlanned = false;
  /** Requests for it whose replies have not come. */
  asking = 0;
  /** The total that came last, on whichever connection. */
  told = -1;

  constructor(target: Target) {
    this.target = target;
  }

  /** Takes the total of a reply that subscribes. */
  answered({ event, payload, cursor }: Frame): void {
    if (cursor !== undefined) throw new Violation("the reply of a count has a cursor");
    if (this.event !== null && this.event !== event) throw new Violation("a count has two ids");
    this.event = event;
    this.state = "active";
    this.#take(payload);
  }

  /** Takes a push. */
  take({ event, status, payload, id, cursor }: Frame): void {
    if (this.state === "none") throw new Violation(`a total came for ${event}, which has ended`);
    if (status !== "update") throw new Violation(`a count got a ${status}`);
    if (id !== undefined || cursor !== undefined) throw new Violation("a total has a place");
    const { told } = this;
    this.#take(payload);
    if (this.told === told) throw new Violation(`the total ${told} came twice in a row`);
  }

  /** Why it is not done yet; `null` if it is. */
  get unsettled(): string | null {
    if (this.state !== "active") return `its count is ${this.state}`;
    const total = totalOf(this.target);
    return this.told === total ? null : `the last total is ${this.told}, and not ${total}`;
  }

  /** The numbers of a simulation only become larger. */
  #take(payload: unknown): void {
    const { total } = payload as { total: number };
    if (total < this.told) throw new Violation(`the total ${total} came after ${this.told}`);
    if (total > totalOf(this.target)) throw new Violation(`there is no total ${total} yet`);
    this.told = total;
  }
}

/** What the backend counts: everything that was ever written for a target. */
export function totalOf({ owed }: Target): number {
  return owed.reduce((sum, items) => sum + (items?.length ?? 0), 0);
}
