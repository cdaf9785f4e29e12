/**
 * The history of a user's sessions, whether they are still connected or not: when the user was logged
 * in, and what the sessions were subscribed to.
 */
import type { BriefTarget, Past } from "../observe/deliveries.ts";
import { briefOf, type DeliveryTrace } from "../observe/delivery_trace.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { forMany, type Pieces } from "./http/pieces.ts";

/** A time span, in milliseconds since 1970. Without `to`, it lasts until now. */
export interface Span {
  readonly from: number;
  readonly to?: number;
  /** Why it has ended. */
  readonly why?: string;
}

/** A session that is, or was, a user's. */
export interface History {
  readonly id: string;
  readonly connection: Span;
  readonly logins: readonly Span[];
  readonly subscriptions: readonly (Span & { readonly target: BriefTarget })[];
}

/** What {@linkcode Histories} are made from. */
export interface HistoriesOptions {
  readonly sessions: Pick<Sessions, "get" | "ofUser">;
  readonly trace: Pick<DeliveryTrace, "past">;
}

/** The histories of all sessions, up to the moment at which {@linkcode Histories.load} was called. */
export class Histories {
  readonly #options: HistoriesOptions;
  readonly #past = new Map<string, Past[]>();

  constructor(options: HistoriesOptions) {
    this.#options = options;
  }

  /** Takes what is over from the trace. Call it first. */
  *load(): Pieces {
    // A copy, because what is over may become more meanwhile.
    yield* forMany([...this.#options.trace.past()], (past) => {
      const known = this.#past.get(past.session);
      if (known) known.push(past);
      else this.#past.set(past.session, [past]);
    });
  }

  /** Everything about a session that is over, the oldest first. */
  pastOf(session: string): readonly Past[] {
    return this.#past.get(session) ?? [];
  }

  /** Every subscription to this id that is over, with the session's id and its user. */
  *pastSubscriptions(id: string): Pieces<Extract<Past, { kind: "subscription" }>[]> {
    const found: Extract<Past, { kind: "subscription" }>[] = [];
    yield* forMany(this.#past.values(), (all) => {
      for (const past of all) {
        if (past.kind === "subscription" && past.target.id === id) found.push(past);
      }
    });
    return found;
  }

  /**
   * The histories of the sessions that are, or were, a user's.
   *
   * @returns The latest ones, at most `limit`, and how many there are
   */
  *ofUser(user: string, limit: number): Pieces<{ histories: History[]; count: number }> {
    const ids = new Set<string>();
    yield* forMany(this.#past, ([session, all]) => {
      if (all.some((past) => past.kind === "login" && past.user === user)) ids.add(session);
    });
    yield* forMany(this.#options.sessions.ofUser(user), ({ id, transport }) => {
      // No message is for a POST (HTTP1).
      if (transport !== "post") ids.add(id);
    });
    const histories: History[] = [];
    for (const id of [...ids].slice(-limit)) {
      histories.push(this.#historyOf(id, user));
      yield "";
    }
    return { histories, count: ids.size };
  }

  /** The user of a session at a time in milliseconds since 1970; `null` if it was a guest. */
  userAt(id: string, at: number): string | null {
    const login = this.pastOf(id).find((past) =>
      past.kind === "login" && past.from <= at && at <= past.to
    );
    if (login) return login.user;
    const session = this.#options.sessions.get(id);
    return session?.login && session.login.since <= at ? session.user : null;
  }

  /** A session's history while it was this user's. */
  #historyOf(id: string, user: string): History {
    const session = this.#options.sessions.get(id);
    const past = this.pastOf(id);
    const own = past.filter((past) => past.user === user);
    const logins: Span[] = own.filter((past) => past.kind === "login");
    const subscriptions: (Span & { target: BriefTarget })[] = own.filter((past) =>
      past.kind === "subscription"
    );
    if (session?.login?.user === user) {
      logins.push({ from: session.login.since });
      for (const { target, since } of session.all) {
        subscriptions.push({ target: briefOf(target), from: since });
      }
    }
    const end = past.find((past) => past.kind === "session");
    const connection = session ? { from: session.connectedAt } : end ?? { from: 0 };
    return { id, connection, logins, subscriptions };
  }
}
