/**
 * The data of the demo backend: two users, their notifications, a schedule, tournaments.
 */
import { DatabaseSync } from "node:sqlite";
import type { NotificationStatus } from "../protocol/target.ts";

/** A demo user; the token is the whole value of the `Authorization` header. */
export interface DemoUser {
  readonly id: string;
  readonly name: string;
  readonly token: string;
}

/** All users. */
export const DEMO_USERS: readonly [DemoUser, DemoUser] = [
  { id: "1", name: "Alice", token: "alice-token" },
  { id: "2", name: "Bob", token: "bob-token" },
];

/** A notification, as the backend lists it. */
export interface DemoNotification {
  readonly id: string;
  readonly type: string;
  readonly status: NotificationStatus;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly data: unknown;
}

/** An entry of the schedule. Times (`at`, `from`, `to`) are in seconds since 1970. */
export interface DemoMatch {
  readonly id: string;
  readonly name: string;
  readonly at: number;
  readonly gameId: string;
  readonly tournamentId: string;
}

/** Which notifications to list. */
export interface NotificationFilter {
  /** Empty for all types. */
  readonly types: readonly string[];
  readonly status?: string | undefined;
  /** 0 for no limit. */
  readonly limit: number;
  readonly skip: number;
  readonly oldestFirst: boolean;
}

const SCHEMA = `
  create table notification (
    id integer primary key, userId text, type text, status text, createdAt text, data text
  ) strict;
  create table match (
    id integer primary key, name text, at integer, gameId text, tournamentId text
  ) strict;
  create table tournament (id text primary key, name text) strict;
  insert into tournament values ('spring-cup', 'Spring Cup'), ('50%', 'Half Open');
`;

/**
 * A condition with three parameters: the user, the types as JSON, the status or null. What is unseen is
 * unread as well.
 */
const MATCHING = `from notification where userId = ?
  and (json_array_length(?2) = 0 or type in (select value from json_each(?2)))
  and (?3 is null or status = ?3 or (?3 = 'unread' and status = 'unseen'))`;

/** The demo backend's data, in memory, with a few entries from the start. */
export class DemoStore {
  readonly #db = new DatabaseSync(":memory:");

  constructor() {
    this.#db.exec(SCHEMA);
    for (const user of DEMO_USERS) {
      this.createNotification(user.id, {
        type: "message",
        data: { text: `Welcome, ${user.name}` },
      });
    }
    const soon = Math.floor(Date.now() / 1000) + 3600;
    this.createMatch({ name: "Reds - Blues", at: soon, gameId: "7", tournamentId: "spring-cup" });
  }

  createNotification(
    user: string,
    { type, data }: Pick<DemoNotification, "type" | "data">,
  ): DemoNotification {
    const json = JSON.stringify(data) ?? "null";
    return toNotification(
      this.#db.prepare(
        `insert into notification (userId, type, status, createdAt, data)
         values (?, ?, 'unseen', ?, ?) returning *`,
      ).get(user, type, new Date().toISOString(), json),
    );
  }

  /** Gives one page of a user's notifications, and how many there are on all pages. */
  listNotifications(user: string, filter: NotificationFilter) {
    const { types, status = null, limit, skip, oldestFirst } = filter;
    const where = [user, JSON.stringify(types), status];
    const order = oldestFirst ? "" : "desc";
    const rows = this.#db.prepare(`select * ${MATCHING} order by id ${order} limit ? offset ?`)
      .all(...where, limit || -1, skip);
    const total = this.#db.prepare(`select count(*) as total ${MATCHING}`).get(...where)?.total;
    return { total: Number(total), items: rows.map(toNotification) };
  }

  /**
   * Sets the status of notifications.
   *
   * @param change.ids Empty for all of the user's notifications
   * @returns Those whose status has changed
   */
  setStatus(
    user: string,
    { status, ids }: { status: NotificationStatus; ids: readonly string[] },
  ): DemoNotification[] {
    return this.#db.prepare(
      `update notification set status = ?2 where userId = ?1
       and status <> ?2 and (json_array_length(?3) = 0 or id in (select value from json_each(?3)))
       returning *`,
    ).all(user, status, JSON.stringify(ids.map(Number))).map(toNotification);
  }

  createMatch({ name, at, gameId, tournamentId }: Omit<DemoMatch, "id">): DemoMatch {
    return toMatch(
      this.#db.prepare(
        "insert into match (name, at, gameId, tournamentId) values (?, ?, ?, ?) returning *",
      ).get(name, at, gameId, tournamentId),
    );
  }

  listMatches({ from, to }: { from: number; to: number }): DemoMatch[] {
    return this.#db.prepare("select * from match where at between ? and ? order by at")
      .all(from, to).map(toMatch);
  }

  tournament(id: string): { id: string; name: string } | undefined {
    const row = this.#db.prepare("select * from tournament where id = ?").get(id);
    return row && { id: String(row.id), name: String(row.name) };
  }
}

type Row = ReturnType<ReturnType<DatabaseSync["prepare"]>["get"]>;

function toNotification(row: Row): DemoNotification {
  return {
    id: String(row?.id),
    type: String(row?.type),
    status: String(row?.status) as NotificationStatus,
    createdAt: String(row?.createdAt),
    data: JSON.parse(String(row?.data)),
  };
}

function toMatch(row: Row): DemoMatch {
  return {
    id: String(row?.id),
    name: String(row?.name),
    at: Number(row?.at),
    gameId: String(row?.gameId),
    tournamentId: String(row?.tournamentId),
  };
}
