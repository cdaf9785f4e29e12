/** Clients of the library on three instances, which are restarted one after the other. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../src/client/mod.ts";
import { createEmbeddedLog } from "../../../src/dev/embedded_log.ts";
import { messagesOf } from "../clients/client.ts";
import { startProxy } from "../network/line_proxy.ts";
import { until } from "../queue.ts";
import { startBackend } from "../service/backend.ts";
import { startWss, type Wss } from "../service/wss.ts";

/** Milliseconds between two broadcasts. */
const PUBLISH_MS = 100;
const TOLERANCE_MS = 50;

/** The history of one client. */
interface Moves {
  /** How often an instance asked it to leave. */
  told: number;
  /** How often it was back before its slot. */
  early: number;
  /** The close codes of its connections. */
  ends: number[];
  /** The broadcasts that it got, by number. */
  got: number[];
}

/** Runs it, until every client has every broadcast. */
export async function runRollingRestart(
  { clients: count, drainSeconds, overHttp = false }: {
    clients: number;
    drainSeconds: number;
    /** Whether the clients have no WebSockets. */
    overHttp?: boolean;
  },
) {
  const log = createEmbeddedLog({ partitions: 2 });
  await using backend = startBackend({ users: { alice: "42" } });
  const settings = { DRAIN_SECONDS: drainSeconds, BACKEND_TIMEOUT_MS: 1000 };
  const start = () => startWss({ log, backend, settings });
  let instances: Wss[] = [await start(), await start(), await start()];
  const ready = new Set(instances);
  let turn = 0;
  await using proxy = startProxy({
    target() {
      const targets = [...ready];
      return Number(new URL(targets[turn++ % targets.length]?.ws ?? "").port);
    },
    stripsUpgrade: overHttp,
  });

  let isRestarting = false;
  const states: Moves[] = [];
  const clients = Array.from({ length: count }, () => {
    const own: Moves = { told: 0, early: 0, ends: [], got: [] };
    states.push(own);
    let slotAt = 0;
    let isOpen = false;
    const client = connect(`ws://127.0.0.1:${proxy.port}/web`, {
      token: () => "alice",
      onState({ state, last }) {
        // An upgrade that an instance refused, because it was about to end, was no connection.
        if (state === "waiting" && isOpen && isRestarting) own.ends.push(last?.code ?? 0);
        if (state === "open" && performance.now() < slotAt) own.early++;
        isOpen = state === "open";
      },
      onFrame(direction, text) {
        if (direction === "out") return;
        const told = messagesOf(text).find(({ status }) => status === "reconnect");
        if (!told) return;
        own.told++;
        // The library took the frame a little earlier, on a busy machine by some milliseconds.
        slotAt = performance.now() + told.payload.afterMs - TOLERANCE_MS;
      },
    });
    const inbox = client.notifications<unknown, number>();
    const listed = inbox.next();
    const reading = listed.then(async () => {
      for await (const change of inbox) {
        if (change.kind !== "update") throw new Error(`A client got a ${change.kind}`);
        own.got.push(change.data);
      }
    });
    return { client, listed, reading };
  });
  await Promise.all(clients.map(({ listed }) => listed));
  backend.forget();
  isRestarting = true;

  let published = 0;
  const publishing = setInterval(() => {
    const n = published++;
    instances[0]?.publish("notification", { userId: "42", type: "a", data: n }, n % 2);
  }, PUBLISH_MS);
  let moves = 0;
  for (const old of [...instances]) {
    ready.delete(old);
    moves += old.service.sessions.size;
    await old.stop();
    const next = await start();
    ready.add(next);
    instances = [...instances.filter((instance) => instance !== old), next];
    await until(
      "all are connected",
      () => instances.reduce((sum, { service }) => sum + service.sessions.size, 0) === count,
    );
  }
  clearInterval(publishing);
  await until("all is received", () => states.every(({ got }) => got.length === published));
  const listCalls = backend.calls.filter(({ url }) => url.startsWith("/notification"));
  for (const { client } of clients) client.close();
  await Promise.allSettled(clients.map(({ reading }) => reading));
  for (const instance of instances) await instance[Symbol.asyncDispose]();
  return {
    states,
    /** How many broadcasts there were; odd ones are of one partition, even ones of the other. */
    published,
    /** How many sessions the instances had that were ended. */
    moves,
    listCalls: listCalls.length,
  };
}

export type RollingRestart = Awaited<ReturnType<typeof runRollingRestart>>;

/** Each client left at its time, not earlier, and got every broadcast once, in order. */
export function assertEachMovedOnce(
  { states, published, moves, listCalls }: RollingRestart,
): void {
  const all = Array.from({ length: published }, (_, n) => n);
  for (const { ends, told, early, got } of states) {
    assertEquals({ ends, early }, { ends: Array(told).fill(1012), early: 0 });
    assertEquals(got.toSorted((a, b) => a - b), all);
    for (const parity of [0, 1]) {
      const own = got.filter((n) => n % 2 === parity);
      assertEquals(own, own.toSorted((a, b) => a - b));
    }
  }
  assertEquals(states.reduce((sum, { ends }) => sum + ends.length, 0), moves);
  assert(moves >= states.length, `${moves} moves`);
  assertEquals(listCalls, 0);
}
