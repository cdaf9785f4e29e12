/** What a client gets if the log breaks, whatever its subscription is doing at that time. */
import { assertEquals } from "@std/assert";
import { CursorCodec } from "../../src/log/cursor.ts";
import type { Client, Frame } from "../_support/clients/client.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { until } from "../_support/queue.ts";
import { BreakingLog } from "../_support/service/breaking_log.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const codec = new CursorCodec({ name: "wss", id: null });

/** What may happen to the log, in which partition 0 has two records. */
const BREAKS = {
  "is replaced": (log: BreakingLog) => log.replace(),
  "is replaced by one with fewer partitions": (log: BreakingLog) => log.replace({ partitions: 1 }),
  "is cut back": (log: BreakingLog) => log.cut(0, 1),
  "loses records": (log: BreakingLog) => log.lose(0, 3),
  "has records that can't be decoded": (log: BreakingLog) => log.damage(0, 3),
};

interface Situation {
  readonly wss: Wss;
  readonly client: Client;
  /** The id of the client's subscription. */
  readonly event: string;
  readonly publish: (data: unknown) => void;
}

/** Holds the next list back. When it is asked for, this gives a function that lets it go. */
function holdList({ backend }: Wss): () => Promise<() => void> {
  const release = backend.hold("GET /notification");
  return async () => {
    const letGo = await release();
    backend.reset("GET /notification");
    return letGo;
  };
}

/**
 * What a subscription may be doing. Each begins it, and gives a function that lets it go on; the status
 * is of the frame that then comes first, if one does.
 */
const STATES: Record<string, {
  begin: (situation: Situation) => Promise<() => void>;
  first?: string;
}> = {
  "is live": { begin: () => Promise.resolve(() => {}) },
  "waits for its list": {
    async begin({ wss, client }) {
      const held = holdList(wss);
      client.ask("getMyNotifications", LIST);
      return await held();
    },
    first: "ok",
  },
  "holds a push back for its list": {
    async begin({ wss, client, publish }) {
      const held = holdList(wss);
      client.ask("getMyNotifications", LIST);
      const letGo = await held();
      publish("of the old log");
      return letGo;
    },
    first: "ok",
  },
  "is reloading": {
    async begin({ wss, event }) {
      const held = holdList(wss);
      wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
      return await held();
    },
    first: "reload",
  },
  "is behind": {
    begin({ wss, publish }) {
      const [session] = wss.service.sessions;
      const { outbox } = session ?? {};
      if (!outbox) throw new Error("There is no session");
      Object.defineProperty(outbox, "isBehind", { get: () => true, configurable: true });
      Object.defineProperty(outbox, "hasRoom", { get: () => false, configurable: true });
      publish("of the old log");
      return Promise.resolve(() => {
        Reflect.deleteProperty(outbox, "isBehind");
        Reflect.deleteProperty(outbox, "hasRoom");
      });
    },
  },
};

/** The frames until an update with this payload. */
async function framesUntil(client: Client, payload: string): Promise<Frame[]> {
  const frames: Frame[] = [];
  do frames.push(await client.next()); while (frames.at(-1)?.payload !== payload);
  return frames;
}

/** Expects that a client which comes with a cursor gets everything from there on. */
async function expectResume(wss: Wss, { cursor: since }: Pick<Frame, "cursor">): Promise<void> {
  await using client = await wss.connect("/web", { token: "alice" });
  const { recovered } = await client.request("getMyNotifications", { ...LIST, since });
  assertEquals([recovered, await client.pushesUntilIdle()], [true, []]);
}

for (const [what, breakLog] of Object.entries(BREAKS)) {
  const rule = what === "has records that can't be decoded"
    ? "KAF9"
    : what === "loses records"
    ? "DEL12"
    : "DEL13";
  for (const [doing, { begin, first }] of Object.entries(STATES)) {
    for (const protocols of [["wss.v1"], []]) {
      const kind = protocols.length > 0 ? "a client with wss.v1" : "another client";
      Deno.test(`[${rule}] if the log ${what} while a subscription ${doing}, ${kind} is told once`, async () => {
        using clock = fakeTimeouts();
        const log = new BreakingLog({ partitions: 2 });
        await using wss = await startWss({ log });
        await using client = await wss.connect("/web", { protocols, token: "alice" });
        const { event } = await client.request("getMyNotifications", LIST);
        const publish = (data: unknown) =>
          wss.publish("notification", { userId: "42", type: "a", data });
        publish("before");
        await client.next();

        const goOn = await begin({ wss, client, event, publish });
        breakLog(log);
        goOn();
        const told = protocols.length > 0 ? "resync" : "reload";
        const expected = [...first ? [first] : [], told];
        const frames: Frame[] = [];
        if (first) {
          const frame = await client.next();
          frames.push(frame);
          // The client may leave before it is told. Then its cursor must get it the list (DEL6).
          const { timeMs } = codec.decode(frame.cursor ?? "") ?? {};
          if (rule !== "KAF9") assertEquals(timeMs, 0, "the cursor is not in front of the break");
        }
        // A subscription whose list was under way is told with the next round (KAF9).
        if (rule === "KAF9") clock.tick(10_000);
        do frames.push(await client.next()); while (frames.at(-1)?.status !== told);
        publish("after");
        frames.push(...await framesUntil(client, "after"));

        // What can't be decoded does not take the records before it with it.
        const seen = rule === "KAF9"
          ? frames.filter(({ payload }) => payload !== "of the old log")
          : frames;
        assertEquals(seen.map(({ status }) => status), [...expected, "update"]);
        assertEquals(await client.pushesUntilIdle(), []);
        await expectResume(wss, frames.at(-1) ?? {});
        const { reloads, sessions } = wss.service;
        await until("the other client has left", () => sessions.size === 1);
        assertEquals([reloads.size, ...[...sessions].map(({ isLive }) => isLive)], [0, true]);
      });
    }
  }
}
