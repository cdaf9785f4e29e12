/** Clients of the library on a line that breaks again and again, while broadcasts are published. */
import { connect } from "../../../src/client/mod.ts";
import { delay } from "../../../src/util/delay.ts";
import { messagesOf } from "../clients/client.ts";
import { type ProxiedConnection, startProxy } from "../network/line_proxy.ts";
import { until } from "../queue.ts";
import { startWss } from "../service/wss.ts";

export interface BadLine {
  readonly clients: number;
  readonly broadcasts: number;
  /** Milliseconds between two broadcasts. */
  readonly everyMs: number;
  /** Each connection breaks at a random time within that. */
  readonly breaksWithinMs: number;
  /** The part of the breaks that end nothing: the line only carries nothing any more. */
  readonly blackHoles: number;
  /** Milliseconds until a new connection is passed on, while the line is bad. */
  readonly holdMs: number;
  /** Whether the line lets no WebSocket through. */
  readonly overHttp?: boolean;
}

const NEVER = new AbortController().signal;

/** Runs it, until every client has every broadcast, or time is up. */
export async function runBadLine(
  { clients: count, broadcasts, everyMs, breaksWithinMs, blackHoles, holdMs, overHttp = false }:
    BadLine,
) {
  await using wss = await startWss({ settings: { CURSOR_SECONDS: 10 } });
  const running = new AbortController();
  let isStable = true;
  let breaks = 0;
  const breakAtRandom = async (connection: ProxiedConnection) => {
    await delay(Math.random() * breaksWithinMs, running.signal);
    if (running.signal.aborted) return;
    breaks++;
    if (Math.random() < blackHoles) connection.blackHole();
    else connection.cut();
  };
  await using proxy = startProxy({
    target: () => Number(new URL(wss.ws).port),
    hold: () => isStable ? Promise.resolve() : delay(holdMs, running.signal),
    onConnection: (connection) => void breakAtRandom(connection),
    stripsUpgrade: overHttp,
  });

  const delays: number[] = [];
  /** Updates that came, also those that came again. */
  let updates = 0;
  const received: number[][] = [];
  const clients = Array.from({ length: count }, () => {
    const own: number[] = [];
    received.push(own);
    const client = connect(`ws://127.0.0.1:${proxy.port}/web`, {
      token: () => "alice",
      onFrame(direction, text) {
        if (direction === "out") return;
        updates += messagesOf(text).filter(({ status }) => status === "update").length;
      },
    });
    const inbox = client.notifications<unknown, { n: number; at: number }>();
    const listed = inbox.next();
    const reading = listed.then(async () => {
      for await (const change of inbox) {
        if (change.kind !== "update") throw new Error(`A client got a ${change.kind}`);
        own.push(change.data.n);
        delays.push(performance.now() - change.data.at);
      }
    });
    return { client, listed, reading };
  });
  await Promise.all(clients.map(({ listed }) => listed));
  isStable = false;
  wss.backend.forget();

  for (let n = 0; n < broadcasts; n++) {
    wss.publish("notification", { userId: "42", type: "a", data: { n, at: performance.now() } });
    await delay(everyMs, NEVER);
  }
  running.abort();
  const delivered = () => received.reduce((sum, own) => sum + new Set(own).size, 0);
  await until("all is received", () => delivered() === count * broadcasts, 60_000)
    // The report names the missing broadcasts.
    .catch(() => {});
  const listCalls = wss.backend.calls.filter(({ url }) => url.startsWith("/notification"));
  for (const { client } of clients) client.close();
  await Promise.allSettled(clients.map(({ reading }) => reading));
  return {
    /** The broadcasts that each client got, by number. */
    received,
    delivered: delivered() / count / broadcasts,
    breaks,
    repeats: updates - delays.length,
    /** Milliseconds from the publishing to the client, the shortest first. */
    delays: delays.sort((a, b) => a - b),
    listCalls: listCalls.length,
  };
}
