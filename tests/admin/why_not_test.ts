import { assert, assertEquals, assertMatch } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import { until } from "../_support/queue.ts";
import { BreakingLog } from "../_support/service/breaking_log.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { publish, subscribe } from "../_support/service/why.ts";
import { startWss } from "../_support/service/wss.ts";

Deno.test("/why says that nothing was published for a user", async () => {
  await using wss = await startWss();
  await using alice = await subscribe(wss);
  wss.publish("notification", { userId: "43", type: "message" });

  const { answer, known, sessions: [session], messages } = await wss.admin.get("/why?user=42");

  assertMatch(
    answer,
    /^Since 20\S+Z, nothing for user 42 was read from topic wss: it was not published, or it was not for user 42$/,
  );
  assertEquals(known.partitions, [{ partition: 0, from: 0, to: 1 }]);
  assertEquals(messages, []);
  assertEquals(session.id, alice.id);
  assertEquals(session.subscriptions[0].resource, "notification");
});

Deno.test("/why says that a record is in quarantine", async () => {
  await using wss = await startWss();
  wss.log.publish('{"type":"notification","document":{"userId":"42"}}');

  assertMatch(
    (await wss.admin.get("/why?user=42")).answer,
    /, or it could not be used \(1 in \/quarantine\)$/,
  );
  const { answer, message } = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(answer, /^It is in quarantine: document.type: /);
  assertEquals(message, null);
});

Deno.test("/why says that a record after the latest message is in quarantine", async () => {
  await using wss = await startWss();
  await using alice = await subscribe(wss);
  publish(wss);
  await alice.client.next();
  wss.log.publish("{");
  assertMatch(
    (await wss.admin.get("/why?user=42")).answer,
    /: sent\. A later one was not published, or it could not be used \(1 in \/quarantine\)$/,
  );
});

Deno.test("[DEL12] /why says that the log has lost records", async () => {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  await using wss = await startWss({
    createReader: () => createChangedReader(log, (given) => events = given),
    log,
  });
  await using alice = await subscribe(wss);
  publish(wss);
  await alice.client.next();
  events?.onLost(0, 10);
  assertEquals((await alice.client.next()).status, "resync");

  const { answer, known, sessions: [session] } = await wss.admin.get("/why?user=42");
  assertMatch(answer, /^Since .*, or the log has lost it \(see `lost`\)$/);
  const [{ at: _at, ...lost }] = known.lost;
  assertEquals(lost, { why: "lost by the log", partition: 0, from: 1, to: 10 });
  assertEquals(session.resyncs[0].why, "lost by the log");
  assertMatch(
    (await wss.admin.get("/why?partition=0&offset=5")).answer,
    /^It was lost: at 20\S+Z, before it was read, it was no longer in the log$/,
  );
});

/** How the next ten records are not read, and what `/why` then says of them. */
const LOSSES = {
  lost: { lose: (log: BreakingLog) => log.lose(0, 10), says: /^It was lost: at 20/ },
  "set aside": {
    lose: (log: BreakingLog) => log.damage(0, 10),
    says: /^It (?:is in quarantine|could not be decoded): /,
  },
};
/** What comes after that, so that their offsets stand for other records. */
const LATER_BREAKS: Record<string, (log: BreakingLog) => void> = {
  replaced: (log) => log.replace(),
  "cut back": (log) => log.cut(0, 3),
};
for (const [how, breakAgain] of Object.entries(LATER_BREAKS)) {
  for (const [became, { lose, says }] of Object.entries(LOSSES)) {
    Deno.test(`[DEL13] after the log was ${how}, /why does not say of a new record that it was ${became}, as an earlier one was`, async () => {
      const log = new BreakingLog();
      await using wss = await startWss({ log });
      const answer = async (offset: number) =>
        (await wss.admin.get(`/why?partition=0&offset=${offset}`)).answer;
      lose(log);
      const before = await answer(5);
      breakAgain(log);
      for (let i = 0; i < 6; i++) wss.publish("logout", { userId: "42" });
      const after = await answer(5);
      lose(log);

      assertMatch(before, says);
      assertMatch(after, /^It is not a message for sessions\. It is a logout, or .* Until 20/);
      assertMatch(await answer(10), says);
      // In front of the cut, it is the same log.
      if (how === "cut back") assertMatch(await answer(2), says);
    });
  }
}

Deno.test("/why says why each of the user's other sessions did not get a message", async () => {
  await using wss = await startWss();
  const gone = await subscribe(wss);
  await gone.client[Symbol.asyncDispose]();
  await until("the session has ended", () => wss.service.sessions.size === 0);
  await using other = await subscribe(wss, ["other", "types"]);
  await using unsubscribed = await subscribe(wss);
  await unsubscribed.client.request("subscription", {
    ids: [unsubscribed.event],
    action: "unsubscribe",
  });
  await using loggedOut = await subscribe(wss);
  await loggedOut.client.request("authentication", {});
  await using switched = await subscribe(wss);
  await switched.client.request("authentication", { authToken: "bob" });
  await using _idle = await wss.connect("/web", { token: "alice" });
  const idleId = [...wss.service.sessions].at(-1)?.id ?? "";

  publish(wss);
  const publishedAt = Date.now();
  await until("a millisecond has passed", () => Date.now() > publishedAt);
  await using late = await subscribe(wss);

  const { answer, message } = await wss.admin.get("/why?partition=0&offset=0");
  assertMatch(
    answer,
    /\. No session was subscribed to it\. Session \S+: .*\. Further sessions: 6$/,
  );
  assertEquals(message.recipients, []);
  const whys = new Map<string, string>(
    message.others.map(({ session, why }: { session: string; why: string }) => [session, why]),
  );
  const expected = new Map([
    [gone.id, /^not connected: the connection had ended at .*: client$/],
    [other.id, /^subscribed only to other types: other, types$/],
    [unsubscribed.id, /^no longer subscribed since .*: unsubscribed$/],
    [loggedOut.id, /^no longer the user's session since .*: logged out$/],
    [switched.id, /^no longer the user's session since .*: logged in as another user$/],
    [idleId, /^not subscribed to it$/],
    [late.id, /^not connected: it connected later, at /],
  ]);
  for (const [id, pattern] of expected) assertMatch(whys.get(id) ?? "", pattern);
  assertEquals(whys.size, expected.size);
});

Deno.test("/why says why a record is no message", async () => {
  await using wss = await startWss();
  wss.publish("logout", { userId: "42" });
  const answer = async (query: string) => (await wss.admin.get(`/why?${query}`)).answer;
  assertEquals(
    await answer("partition=0&offset=0"),
    "It is not a message for sessions. It is a logout, or a record without a value, or there " +
      "is no record, or the record could not be used and has left /quarantine",
  );
  assertEquals(
    await answer("partition=0&offset=7"),
    "It has not been read yet: partition 0 is read up to offset 1",
  );
  assertEquals(await answer("partition=5&offset=0"), "There is no partition 5");
});

Deno.test("no answer of the admin port has a payload or a token", async () => {
  await using wss = await startWss({ users: { "a-secret-token": "42" } });
  await using alice = await subscribe(wss, [], "a-secret-token");
  publish(wss);
  await alice.client.next();
  for (
    const path of [
      "/why?user=42",
      `/why?subscription=${alice.event}`,
      "/why?partition=0&offset=0",
      "/sessions",
      "/quarantine",
      "/metrics",
    ]
  ) {
    const { text } = await wss.admin.request(path);
    assert(!text.includes("secret"), path);
  }
});

Deno.test("/why refuses a question that it cannot read, and says what it expects", async () => {
  await using wss = await startWss();
  const expected = "expected ?user=, ?subscription=, or ?partition= and ?offset=";
  const refusals = {
    "/why": `Missing ?partition=: ${expected}`,
    "/why?partition=0": `Missing ?offset=: ${expected}`,
    "/why?partition=x&offset=1": 'Cannot take "x" as partition: expected a whole number',
    "/why?user=": 'Cannot take "" as user: expected a user\'s id',
  };
  for (const [path, error] of Object.entries(refusals)) {
    const { status, body } = await wss.admin.request(path);
    assertEquals({ status, error: body.error }, { status: 400, error });
  }
});

Deno.test("what /why remembers is bounded, and leaves with the window", async () => {
  const log = createEmbeddedLog();
  await using wss = await startWss({ log, settings: { RECOVERY_MAX_BYTES: 20_000 } });
  await using _alice = await subscribe(wss);
  const steps = () => wss.admin.metric({ name: "wss_trace_steps" });
  for (let i = 0; i < 1000; i++) publish(wss, i);
  const level = await steps();
  for (let i = 0; i < 1000; i++) publish(wss, i);

  assert(level > 10 && level < 100, `${level}`);
  assert(Math.abs(await steps() - level) <= 1);
});
