/**
 * What the demo backend knows: two users, their notifications, a schedule, tournaments.
 */
import { DatabaseSync } from "node:sqlite";

/** A demo user; the token is the whole value of the `Authorization` header. */
export interface DemoUser {
  readonly id: string;
  readonly name: string;
  readonly token: string;
}

/** The users that there are. */
export const DEMO_USERS: readonly [DemoUser, DemoUser] = [
  { id: "1", name: "Alice", token: "alice-token" },
  { id: "2", name: "Bob", token: "bob-token" },
];

/** How far a user has got with a notification. */
export type NotificationStatus = "unseen" | "unread" | "read";

/** A notification, as the backend lists it. */
export interface DemoNotification {
  readonly id: string;
  readonly type: string;
  readonly status: NotificationStatus;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly data: unknown;
}

/** An entry of the schedule; `at` is in seconds since 1970, as `from` and `to` are. */
export interface DemoMatch {
  readonly id: string;
  readonly name: string;
  readonly at: number;
  readonly gameId: string;
  readonly tournamentId: string;
}

/** What to list; an empty or missing list names everything. */
export interface NotificationFilter {
  readonly types: readonly string[];
  readonly status?: string | undefined;
  /** 0 is no limit. */
  readonly limit: number;
  readonly skip: number;
  readonly oldestFirst: boolean;
}

/** The demo backend's data. */
export type DemoStore = ReturnType<typeof createDemoStore>;

/** Makes a store that lives in memory, with something in it. */
export function createDemoStore() {
  const db = new DatabaseSync(":memory:");
  db.exec(`
    create table notification (
      id integer primary key, userId text, type text, status text, createdAt text, data text
    ) strict;
    create table match (
      id integer primary key, name text, at integer, gameId text, tournamentId text
    ) strict;
    create table tournament (id text primary key, name text) strict;
    insert into tournament values ('spring-cup', 'Spring Cup'), ('a/b', 'Slash Open');
  `);
  const insertNotification = db.prepare(
    `insert into notification (userId, type, status, createdAt, data)
     values (?, ?, 'unseen', ?, ?) returning *`,
  );
  const insertMatch = db.prepare(
    "insert into match (name, at, gameId, tournamentId) values (?, ?, ?, ?) returning *",
  );
  const matching = `from notification where userId = ?
    and (json_array_length(?2) = 0 or type in (select value from json_each(?2)))
    and (?3 is null or status = ?3)`;
  const count = db.prepare(`select count(*) as total ${matching}`);
  const list = {
    newestFirst: db.prepare(`select * ${matching} order by id desc limit ? offset ?`),
    oldestFirst: db.prepare(`select * ${matching} order by id limit ? offset ?`),
  };
  const setStatus = db.prepare(
    `update notification set status = ?2 where userId = ?1
     and status <> ?2 and (json_array_length(?3) = 0 or id in (select value from json_each(?3)))
     returning *`,
  );
  const matches = db.prepare("select * from match where at between ? and ? order by at");
  const tournament = db.prepare("select * from tournament where id = ?");

  const store = {
    createNotification(user: string, type: string, data: unknown): DemoNotification {
      const json = JSON.stringify(data) ?? "null";
      return toNotification(insertNotification.get(user, type, new Date().toISOString(), json));
    },

    listNotifications(user: string, filter: NotificationFilter) {
      const { types, status = null, limit, skip, oldestFirst } = filter;
      const where = [user, JSON.stringify(types), status];
      const rows = list[oldestFirst ? "oldestFirst" : "newestFirst"]
        .all(...where, limit || -1, skip);
      return { total: Number(count.get(...where)?.total), items: rows.map(toNotification) };
    },

    /** Of all where there are no ids; gives those that have changed. */
    setStatus(user: string, status: NotificationStatus, ids: readonly string[]) {
      return setStatus.all(user, status, JSON.stringify(ids.map(Number))).map(toNotification);
    },

    createMatch({ name, at, gameId, tournamentId }: Omit<DemoMatch, "id">): DemoMatch {
      return toMatch(insertMatch.get(name, at, gameId, tournamentId));
    },

    listMatches({ from, to }: { from: number; to: number }): DemoMatch[] {
      return matches.all(from, to).map(toMatch);
    },

    tournament(id: string): { id: string; name: string } | undefined {
      const row = tournament.get(id);
      return row && { id: String(row.id), name: String(row.name) };
    },
  };

  for (const user of DEMO_USERS) {
    store.createNotification(user.id, "message", { text: `Welcome, ${user.name}` });
  }
  const soon = Math.floor(Date.now() / 1000) + 3600;
  store.createMatch({ name: "Reds - Blues", at: soon, gameId: "7", tournamentId: "spring-cup" });
  return store;
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
