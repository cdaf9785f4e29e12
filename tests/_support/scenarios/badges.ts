/** Devices of one user, each with a badge, while notifications come and are marked, and instances restart. */
import { assert } from "@std/assert";
import { connect, type NotificationStatus } from "../../../src/client/mod.ts";
import { createDemoBackend } from "../../../src/dev/demo_backend.ts";
import { DEMO_USERS } from "../../../src/dev/demo_store.ts";
import { createEmbeddedLog } from "../../../src/dev/embedded_log.ts";
import { type ProxiedConnection, startProxy } from "../network/line_proxy.ts";
import { until } from "../queue.ts";
import { startWss, type Wss } from "../service/wss.ts";

const DEVICES = 3;
/** Milliseconds of a round. */
const ROUND_MS = 1000;
/** Milliseconds between two things that happen, at most. */
const MAX_GAP_MS = 40;
const STATUSES: readonly NotificationStatus[] = ["unseen", "unread", "read"];

/** Milliseconds after the last change within which all badges must be right. */
const MAX_LATE_MS = 2000;

/** What one round has shown. */
interface Round {
  /** The number that the backend has in the end. */
  readonly total: number;
  /** Milliseconds from the last change until all badges showed that number. */
  readonly lateMs: number;
}

/** Lets things happen in rounds of a second, and waits after each of them until all badges are right. */
export async function runBadges(
  { rounds, overHttp = false }: { rounds: number; overHttp?: boolean },
) {
  await using started = new AsyncDisposableStack();
  const log = createEmbeddedLog();
  const demoBackend = createDemoBackend((value) => log.publish(value));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, demoBackend);
  started.defer(() => server.shutdown());
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const [{ id: user, token }] = DEMO_USERS;
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: token };
    return await (await fetch(origin + path, { ...init, headers })).json();
  };

  const settings = {
    API_URL_USER: new URL(`${origin}/users/me`),
    API_URL_NOTIFICATION: new URL(`${origin}/users/me/notifications`),
  };
  const start = () => startWss({ log, settings });
  let instances: [Wss, Wss] = [await start(), await start()];
  started.defer(async () => {
    for (const instance of instances) await instance[Symbol.asyncDispose]();
  });
  let turn = 0;
  const connections: ProxiedConnection[] = [];
  const proxy = started.use(startProxy({
    target: () => Number(new URL(instances[turn++ % 2]?.ws ?? "").port),
    onConnection: (connection) => connections.push(connection),
    stripsUpgrade: overHttp,
  }));

  const shown: number[] = [];
  const devices = Array.from({ length: DEVICES }, (_, i) => {
    const device = connect(`ws://127.0.0.1:${proxy.port}/web`, { token: () => token });
    const totals = device.unread();
    const reading = (async () => {
      for await (const total of totals) shown[i] = total;
    })();
    started.defer(() => reading);
    return started.use(device);
  });

  const counts = { restarts: 0, cuts: 0, changes: 0 };
  const restart = async () => {
    const [old, other] = instances;
    await old.stop();
    instances = [other, await start()];
    await old[Symbol.asyncDispose]();
    counts.restarts++;
  };
  const mark = async () => {
    const { items } = await ask("/users/me/notifications?limit=10");
    const ids = items.filter(() => Math.random() < 0.3).map(({ id }: { id: string }) => id);
    const device = devices[pick(DEVICES)];
    // A mark whose connection broke before the reply may be done or not.
    await device?.markAs(STATUSES[pick(3)] ?? "read", ids).catch(() => {});
  };
  const create = () =>
    ask("/notifications", { method: "POST", body: JSON.stringify({ userId: user }) });

  const done: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const underWay: Promise<unknown>[] = [restart()];
    for (const endAt = performance.now() + ROUND_MS; performance.now() < endAt;) {
      const what = Math.random();
      if (what < 0.1) {
        connections[pick(connections.length)]?.cut();
        counts.cuts++;
      } else {
        underWay.push(what < 0.5 ? mark() : create());
        counts.changes++;
      }
      await new Promise((resolve) => setTimeout(resolve, MAX_GAP_MS * Math.random()));
    }
    await Promise.all(underWay);
    const changedAt = performance.now();
    const { total } = await ask("/users/me/notifications?status=unseen");
    await until(
      `all badges show ${total}, and not ${shown}`,
      () => {
        // Somebody looks at the device now. Else one whose line broke often would wait for seconds.
        for (const device of devices) if (device.state.state === "waiting") device.connect();
        return shown.length === DEVICES && shown.every((number) => number === total);
      },
    );
    done.push({ total, lateMs: performance.now() - changedAt });
  }
  return { rounds: done, ...counts };
}

/** In each round, all badges were right in time. */
export function assertRightInTime(
  { rounds, restarts, cuts, changes }: Awaited<ReturnType<typeof runBadges>>,
): void {
  const late = rounds.map(({ lateMs }) => Math.round(lateMs));
  assert(late.every((ms) => ms < MAX_LATE_MS), `the badges were right after ${late} ms`);
  const happened = `${restarts} restarts, ${cuts} cuts, ${changes} changes`;
  assert(restarts === rounds.length && changes > 10 * rounds.length, happened);
}

function pick(count: number): number {
  return Math.floor(count * Math.random());
}
