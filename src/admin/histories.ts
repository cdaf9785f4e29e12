/**
 * The history of a user's sessions, whether they are still connected or not: when the user was logged
 * in, and what the sessions were subscribed to.
 */
import type { BriefTarget, Past } from "../observe/deliveries.ts";
import { briefOf, type DeliveryTrace } from "../observe/delivery_trace.ts";
import type { Sessions } from "../sessions/sessions.ts";

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

/** The histories of all sessions, up to the moment at which this was made. */
export class Histories {
  readonly #sessions: HistoriesOptions["sessions"];
  readonly #past: ReadonlyMap<string, readonly Past[]>;

  constructor({ sessions, trace }: HistoriesOptions) {
    this.#sessions = sessions;
    this.#past = Map.groupBy(trace.past(), ({ session }) => session);
  }

  /** Everything about a session that is over, the oldest first. */
  pastOf(session: string): readonly Past[] {
    return this.#past.get(session) ?? [];
  }

  /** Every subscription to this id that is over, with the session's id and its user. */
  pastSubscriptions(id: string): Extract<Past, { kind: "subscription" }>[] {
    return [...this.#past.values()].flat()
      .filter((past) => past.kind === "subscription")
      .filter(({ target }) => target.id === id);
  }

  /** The histories of the sessions that are, or were, a user's. */
  ofUser(user: string): History[] {
    const ids = new Set<string>();
    for (const [session, all] of this.#past) {
      if (all.some((past) => past.kind === "login" && past.user === user)) ids.add(session);
    }
    for (const { id } of this.#sessions.ofUser(user)) ids.add(id);
    return [...ids].map((id) => this.#historyOf(id, user));
  }

  /** The user of a session at a time in milliseconds since 1970; `null` if it was a guest. */
  userAt(id: string, at: number): string | null {
    const login = this.pastOf(id).find((past) =>
      past.kind === "login" && past.from <= at && at <= past.to
    );
    if (login) return login.user;
    const session = this.#sessions.get(id);
    return session && session.userSince <= at ? session.user : null;
  }

  /** A session's history while it was this user's. */
  #historyOf(id: string, user: string): History {
    const session = this.#sessions.get(id);
    const past = this.pastOf(id);
    const own = past.filter((past) => past.user === user);
    const logins: Span[] = own.filter((past) => past.kind === "login");
    const subscriptions: (Span & { target: BriefTarget })[] = own.filter((past) =>
      past.kind === "subscription"
    );
    if (session?.user === user) {
      logins.push({ from: session.userSince });
      for (const { target, since } of session.subscriptions) {
        subscriptions.push({ target: briefOf(target), from: since });
      }
    }
    const end = past.find((past) => past.kind === "session");
    const connection = session ? { from: session.connectedAt } : end ?? { from: 0 };
    return { id, connection, logins, subscriptions };
  }
}
