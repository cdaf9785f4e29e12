import { assert, assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { createSessionGauges } from "../../src/admin/session_gauges.ts";
import { listSessions } from "../../src/admin/sessions.ts";
import type { Session } from "../../src/sessions/session.ts";
import type { Sessions } from "../../src/sessions/sessions.ts";
import { until } from "../_support/queue.ts";
import { publish, subscribe } from "../_support/service/why.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const MIB = 1024 * 1024;

interface PageOf {
  next: string | null;
  [list: string]: unknown;
}

/** Asks for all pages of a list, and gives the lists. */
async function pages<T>(wss: Wss, path: string, list: string): Promise<T[][]> {
  const found: T[][] = [];
  for (let next: string | null = path; next !== null;) {
    const page: PageOf = await wss.admin.get(next);
    found.push(page[list] as T[]);
    next = page.next;
  }
  return found;
}

const idOf = ({ id }: { id: string }) => id;

Deno.test("all sessions can be asked for, page by page, also if some end meanwhile", async () => {
  await using wss = await startWss();
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await wss.connect("/web", { token: "alice" }));
  const ids = [...wss.service.sessions].sort((a, b) =>
    a.connectedAt - b.connectedAt || (a.id < b.id ? -1 : 1)
  ).map(idOf);

  const found = await pages<{ id: string }>(wss, "/sessions?user=42&limit=2", "sessions");
  assertEquals(found.map((page) => page.map(idOf)), [ids.slice(0, 2), ids.slice(2, 4), [ids[4]]]);

  const { next } = await wss.admin.get("/sessions?limit=2");
  await clients[1]?.[Symbol.asyncDispose]();
  await until("the session has ended", () => wss.service.sessions.size === 4);
  const left = [...wss.service.sessions].map(idOf);
  const later = (await pages<{ id: string }>(wss, next, "sessions")).flat().map(idOf);
  assertEquals(later, ids.slice(2).filter((id) => left.includes(id)));

  assertEquals((await wss.admin.request("/sessions?after=x")).status, 400);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

Deno.test("the rest of a user's sessions comes also if the last one of a page has logged out", async () => {
  await using wss = await startWss();
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await wss.connect("/web", { token: "alice" }));
  const { sessions: [first], next } = await wss.admin.get("/sessions?user=42&limit=1");
  wss.service.sessions.get(first.id)?.logOut();
  const rest = (await pages<{ id: string }>(wss, next, "sessions")).flat().map(idOf);
  assertEquals(rest.length, 2);
  assertEquals(new Set([first.id, ...rest]), new Set([...wss.service.sessions].map(idOf)));
  for (const client of clients) await client[Symbol.asyncDispose]();
});

Deno.test("the rest of a session's subscriptions comes also if the last one of a page has ended", async () => {
  await using wss = await startWss();
  await using alice = await wss.connect("/web", { token: "alice" });
  for (const type of ["a", "b", "c"]) {
    await alice.request("getMyNotifications", { where: { types: [type] } });
  }
  const [session] = wss.service.sessions;
  const path = `/sessions/${session?.id}`;
  const { subscriptions: [first], next } = await wss.admin.get(`${path}?limit=1`);
  session?.unsubscribe([first.id], "unsubscribed");
  const rest = (await pages<{ id: string }>(wss, next, "subscriptions")).flat().map(idOf);
  assertEquals(rest.length, 2);
  assertEquals(new Set(rest), new Set([...session?.subscriptions ?? []].map((s) => s.target.id)));
  assertEquals((await wss.admin.request(`${path}?after=x`)).status, 400);
});

Deno.test("an answer has a megabyte and one item at most, and the rest can be asked for", async () => {
  await using wss = await startWss({ settings: { MAX_SESSION_BYTES: 1024 * MIB } });
  await using alice = await wss.connect("/web", { token: "alice" });
  for (let i = 0; i < 100; i++) {
    const types = Array.from({ length: 75 }, (_, n) => `${i}-${n}-`.padEnd(200, "x"));
    assertEquals((await alice.request("getMyNotifications", { where: { types } })).status, "ok");
  }
  const [session] = wss.service.sessions;
  const path = `/sessions/${session?.id}`;

  const { text, body } = await wss.admin.request(`${path}?limit=1000`);
  assert(text.length > MIB && text.length < MIB + 64 * 1024, `${text.length} characters`);
  assertEquals(body.subscriptionCount, 100);
  assert(body.subscriptions.length < 100);
  const found = await pages<{ id: string }>(wss, `${path}?limit=1000`, "subscriptions");
  assertEquals(
    found.flat().map(idOf).sort(),
    [...session?.subscriptions ?? []].map(({ target }) => target.id).sort(),
  );

  for (const all of ["/sessions", "/sessions?user=42"]) {
    assert((await wss.admin.request(all)).text.length < 1024);
  }
  for (let i = 0; i < 20; i++) publish(wss);
  assert((await wss.admin.request("/why?user=42")).text.length < 3 * MIB);
});

Deno.test("all records in quarantine can be asked for, page by page, also if some are forgotten meanwhile", async () => {
  await using wss = await startWss({ settings: { QUARANTINE_SIZE: 5 } });
  for (let i = 0; i < 7; i++) wss.log.publish("{");
  const offsets = (lists: { offset: number }[][]) =>
    lists.map((list) => list.map(({ offset }) => offset));

  assertEquals(offsets(await pages(wss, "/quarantine?limit=2", "records")), [[2, 3], [4, 5], [6]]);
  const { next, total } = await wss.admin.get("/quarantine?limit=2");
  for (let i = 0; i < 3; i++) wss.log.publish("{");
  assertEquals([total, offsets(await pages(wss, next, "records"))], [7, [[5, 6], [7, 8], [9]]]);
});

Deno.test("all messages can be asked for at /why, page by page", async () => {
  await using wss = await startWss();
  await using alice = await subscribe(wss);
  const records = [];
  for (let i = 0; i < 5; i++) {
    records.push(publish(wss));
    await alice.client.next();
  }
  for (const question of ["user=42", `subscription=${alice.event}`]) {
    const found = await pages<{ id: string }>(wss, `/why?${question}&limit=2`, "messages");
    assertEquals(found.map((page) => page.map(idOf)), [
      records.slice(3),
      records.slice(1, 3),
      records.slice(0, 1),
    ]);
  }
});

Deno.test("/why counts all recipients of a message, and answers for each of them", async () => {
  await using wss = await startWss();
  const clients = [];
  for (let i = 0; i < 103; i++) clients.push(await subscribe(wss));
  publish(wss);
  for (const { client } of clients) await client.next();

  const { message } = await wss.admin.get("/why?partition=0&offset=0");
  assertEquals([message.recipientCount, message.recipients.length, message.others], [103, 100, []]);
  for (const { id } of clients.slice(-4)) {
    const { message: { recipients, others } } = await wss.admin.get(
      `/why?partition=0&offset=0&session=${id}`,
    );
    assertEquals([recipients.length, recipients[0].session, others], [1, id, []]);
  }
  const user = await wss.admin.get("/why?user=42");
  assertEquals([user.sessionCount, user.sessions.length], [103, 100]);
  for (const { client } of clients) await client[Symbol.asyncDispose]();
});

Deno.test("an answer about very many sessions is made in short steps", () => {
  const session: unknown = {
    user: null,
    endpoint: "/web",
    subscriptionCount: 0,
    all: [],
    outbox: { isBehind: false, unsentBytes: 0 },
    connectedAt: 0,
    id: "",
  };
  const sessions = Array.from({ length: 10_000 }, () => session as Session);
  const all = Object.assign(sessions, { get: () => undefined }) as unknown as Sessions;

  const place = `1-${crypto.randomUUID()}`;
  const pieces = [...listSessions(all, new URLSearchParams({ after: place }))];
  assertEquals(pieces.filter((piece) => piece === "").length, 10_000 / 500);
  const steps = createSessionGauges(new Registry(), { sessions })();
  assertEquals([...steps].length, 10_000 / 2000);
});
