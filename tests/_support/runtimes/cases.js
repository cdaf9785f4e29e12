/**
 * Cases that show what the client library does, with the built module, in the runtime that loads this
 * file. It has no import and no types, so that browsers can load it.
 */

/** Each case gets the library, the address of the service, and a function that acts on the service. */
const cases = {
  async "a list, a new notification, a count and a mark"({ connect, ws, act }) {
    const client = connect(`${ws}/web`, { token: () => "alice" });
    const inbox = client.notifications({ types: ["message"] });
    equal((await inbox.next()).value, { kind: "list", items: [{ id: "n1" }] });
    await act("publish", notification("message", "new"));
    equal((await inbox.next()).value, { kind: "update", data: "new" });
    equal(await client.count({ status: "unseen" }), { total: 3 });
    equal(await client.markAs("read", ["n1"]), undefined);
    client.close();
  },

  async "pushes that come in one piece with their list are not lost"({ connect, ws, act }) {
    const client = connect(`${ws}/web`, { token: () => "alice" });
    const inbox = client.notifications();
    const list = inbox.next();
    await act("burst", { count: 100 });
    equal((await list).value.kind, "list");
    for (let data = 0; data < 100; data++) {
      equal((await inbox.next()).value, { kind: "update", data });
    }
    client.close();
  },

  async "after a cut, the client gets everything that it missed, once, in order"(
    { connect, ws, act },
  ) {
    const states = [];
    const client = connect(`${ws}/web`, {
      token: () => "alice",
      onState: ({ state }) => states.push(state),
    });
    const inbox = client.notifications();
    await inbox.next();
    for (let round = 0; round < 3; round++) {
      await act("cut");
      for (let data = 0; data < 20; data++) await act("publish", notification("a", data));
      for (let data = 0; data < 20; data++) {
        equal((await inbox.next()).value, { kind: "update", data });
      }
    }
    client.close();
    await Promise.resolve();
    equal(states.at(-1), "closed");
    equal(states.filter((state) => state === "open").length, 4);
    equal(client.state.last, { code: 1000, reason: "Closed by the client" });
  },

  async "a token of any letters is sent, one that is refused is told"(
    { connect, ws },
  ) {
    const named = connect(`${ws}/web`, { token: () => Promise.resolve("zoë÷") });
    equal(await named.count({ status: "unseen" }), { total: 3 });
    named.close();

    const state = await new Promise((resolve) => {
      const refused = connect(`${ws}/web`, {
        token: () => "nobody's",
        onState: (state) => {
          if (state.state !== "unauthorized") return;
          resolve(state);
          refused.close();
        },
      });
    });
    equal(state.last, { code: 4401, reason: "Token refused" });
  },

  async "a request that fails rejects with the service's error"(
    { connect, ws, WssError },
  ) {
    const client = connect(`${ws}/web`);
    const error = await client.tournament("1").catch((error) => error);
    equal([error instanceof WssError, error.slug], [true, "unsupported-command"]);
    const guest = await client.notifications().next().catch((error) => error);
    equal(guest.slug, "unauthorized");
    client.close();
  },

  async "leaving a loop unsubscribes, and a signal ends everything"({ connect, ws }) {
    const controller = new AbortController();
    const { signal } = controller;
    const sent = [];
    const client = connect(`${ws}/mobile`, {
      signal,
      onFrame: (direction, text) => direction === "out" && sent.push(JSON.parse(text)),
    });
    const where = { from: 1, to: 2, timezone: "UTC" };
    const left = client.schedules(where);
    for await (const { kind } of left) {
      equal(kind, "list");
      break;
    }
    equal(await client.tournament("cup"), { id: "cup" });
    equal(sent[1], { rid: 2, command: "subscription", options: sent[1].options });
    equal(sent[1].options, { ids: [left.id], action: "unsubscribe" });

    const next = client.schedules(where).next();
    const calls = [client.tournament("1"), client.tournament("1", { signal })];
    controller.abort();
    equal(await next, { value: undefined, done: true });
    const [closed, aborted] = await Promise.allSettled(calls);
    equal([closed.reason.slug, aborted.status], ["closed", "rejected"]);
  },

  async "a client without a service waits, and can be closed"({ connect }) {
    const { promise: waiting, resolve } = withResolvers();
    const client = connect("ws://127.0.0.1:1/web", {
      onState: (state) => state.state === "waiting" && resolve(state),
    });
    const { retryInMs, last } = await waiting;
    equal([retryInMs >= 0 && retryInMs <= 500, last.code], [true, 1006]);
    const counted = client.count({ status: "unseen" }).catch(({ slug }) => slug);
    client.close();
    equal(await counted, "closed");
  },
};

/** Milliseconds that a case may take. */
const CASE_MS = 20_000;

/**
 * Runs all cases, one after the other.
 *
 * @param client The module
 * @param options Where the service and the stage are
 * @returns The name of each case, and its problem, if it has one
 */
export async function runCases({ connect, WssError }, { ws, stage }) {
  const act = async (what, body = {}) => {
    const options = { method: "POST", body: JSON.stringify(body) };
    const { ok } = await fetch(`${stage}/${what}`, options);
    if (!ok) throw new Error(`Cannot ${what}`);
  };
  const results = [];
  for (const [name, run] of Object.entries(cases)) {
    const { promise: late, reject } = withResolvers();
    const timer = setTimeout(() => reject(new Error(`not done in ${CASE_MS} ms`)), CASE_MS);
    try {
      await Promise.race([run({ connect, WssError, ws, act }), late]);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: `${error.stack ?? error}` });
    }
    clearTimeout(timer);
  }
  return results;
}

function notification(type, data) {
  return { type: "notification", document: { userId: "42", type, data } };
}

function equal(actual, expected) {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`Expected ${should}, got ${is}`);
}

function withResolvers() {
  const resolvers = {};
  resolvers.promise = new Promise((resolve, reject) =>
    Object.assign(resolvers, { resolve, reject })
  );
  return resolvers;
}
