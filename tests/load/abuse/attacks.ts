/** What hostile clients, and producers of broken records, do to a service. */
import { delay } from "../../../src/util/delay.ts";
import { openRawSocket } from "../../_support/clients/raw_socket.ts";
import { connectKafka } from "../../_support/kafka/topic.ts";
import { sendBombs } from "./bombs.ts";

const encoder = new TextEncoder();

/** Where the service is. */
export interface Target {
  readonly port: number;
  readonly adminPort: number;
  readonly brokers: string;
  readonly topic: string;
}

/** Who attacks, and whom. */
export interface Attacker extends Target {
  /** Aborted when the attack is to end. */
  readonly signal: AbortSignal;
  /** To be called each time when it has done what it does. */
  readonly strike: () => void;
}

/** Prepares an attack, within what everybody may do, and gives the function that begins it. */
type Attack = (attacker: Attacker) => Promise<() => Promise<unknown>>;

/** An attack that needs no preparation. */
function unprepared(attack: (attacker: Attacker) => Promise<unknown>): Attack {
  return (attacker) => Promise.resolve(() => attack(attacker));
}

/** All attacks. Each goes on until its signal is aborted. */
export const ATTACKS = {
  "bombs in the topic": unprepared(sendBombs),
  "selections that are too long": unprepared((attacker) =>
    inParallel(10, () => selectTooMuch(attacker))
  ),
  "reloads of many schedules": reloadSchedules,
  "logins with bogus tokens": logIn,
  "nested frames": unprepared((attacker) => inParallel(4, () => sendNested(attacker))),
  "guests within their limits": unprepared((attacker) => inParallel(12, () => askOften(attacker))),
  "an API that is down": unprepared((attacker) => inParallel(12, () => askOften(attacker, "down"))),
  "wrong tokens at the admin port": unprepared(askAdmin),
  "silent connections": unprepared((attacker) => inParallel(200, () => beSilent(attacker))),
  "slow upgrades": unprepared((attacker) => inParallel(100, () => upgradeSlowly(attacker))),
  "lists that nobody reads": unprepared((attacker) =>
    inParallel(20, (i) => readNothing(attacker, i))
  ),
} satisfies Record<string, Attack>;

/** The name of an attack. */
export type AttackName = keyof typeof ATTACKS;

function inParallel<T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => work(i)));
}

/** Opens a connection of an attacker, who has an address of their own behind the proxy. */
async function connect({ port }: Target, { reads = true, headers = {} } = {}) {
  const socket = await openRawSocket(`ws://127.0.0.1:${port}/mobile`, {
    "x-forwarded-for": "10.66.66.66",
    ...headers,
  });
  if (reads) {
    (async () => {
      while (await socket.readFrame().catch(() => null));
    })();
  }
  return socket;
}

/** Does something again and again, on a new connection if the last one has ended. */
async function keepSending(
  attacker: Attacker,
  { perSecond, frame }: { perSecond: number; frame: (n: number) => Uint8Array },
): Promise<void> {
  const { signal, strike } = attacker;
  for (let n = 0; !signal.aborted;) {
    using socket = await connect(attacker);
    try {
      for (; !signal.aborted; n++) {
        await socket.sendFrame(frame(n));
        strike();
        await delay(1000 / perSecond, signal);
      }
    } catch {
      await delay(100, signal);
    }
  }
}

function request(rid: number, command: string, options: unknown): Uint8Array {
  return encoder.encode(JSON.stringify({ rid, command, options }));
}

function schedule(where: object) {
  return { where: { from: 1, to: 2, timezone: "UTC", ...where } };
}

function selectTooMuch(attacker: Attacker): Promise<void> {
  const gameIds = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(200, "x"));
  const options = { ...schedule({ gameIds }), since: "x".repeat(10_000) };
  return keepSending(attacker, {
    perSecond: 1.2,
    frame: (n) => request(n + 1, "getSchedules", options),
  });
}

function sendNested(attacker: Attacker): Promise<void> {
  const frame = encoder.encode("[".repeat(32_000) + "]".repeat(32_000));
  return keepSending(attacker, { perSecond: 4, frame: () => frame });
}

function askOften(attacker: Attacker, id = "up"): Promise<void> {
  return keepSending(attacker, {
    perSecond: 10,
    frame: (n) => request(n + 1, "getTournament", { where: { id } }),
  });
}

/** Twenty guests subscribe to 1,000 schedules each, which are then reloaded from time to time. */
async function reloadSchedules(attacker: Attacker): Promise<() => Promise<unknown>> {
  const { signal, strike, brokers, topic } = attacker;
  await inParallel(20, async () => {
    const socket = await connect(attacker);
    for (let n = 1; n <= 1000 && !signal.aborted; n++) {
      await socket.sendFrame(request(n, "getSchedules", schedule({ to: n + 1 })));
      // The rate that a session has, without its burst.
      await delay(1000 / 45, signal);
    }
  });
  const producer = (await connectKafka(brokers)).producer();
  await producer.connect();
  const document = { resource: "schedule", options: { reload: true } };
  const value = JSON.stringify({ type: "update_subscription", document });
  return async () => {
    while (!signal.aborted) {
      await producer.send({ topic, messages: [{ value, partition: 0 }] });
      strike();
      await delay(10_000, signal);
    }
    await producer.disconnect();
  };
}

/** So many clients of one address log in at once that the pool and its queue are full. */
async function logIn(attacker: Attacker): Promise<() => Promise<unknown>> {
  const { signal, strike } = attacker;
  const sockets = await inParallel(2050, async (i) => {
    await delay(i * 8, signal);
    return await connect(attacker);
  });
  return async () => {
    for (let n = 1; !signal.aborted; n++) {
      for (const [i, socket] of sockets.entries()) {
        await socket.sendFrame(request(n, "authentication", { authToken: `bogus-${i}-${n}` }));
        // All are under way before the first one is answered.
        if (i % 50 === 0) await delay(50, signal);
      }
      strike();
      await delay(20_000, signal);
    }
  };
}

async function readNothing(attacker: Attacker, i: number): Promise<void> {
  const { signal, strike } = attacker;
  using socket = await connect(attacker, { reads: false });
  for (let n = 1; n <= 16; n++) {
    const options = schedule({ from: 1 + 16 * i + n, to: 1000, timezone: "large" });
    await socket.sendFrame(request(n, "getSchedules", options));
  }
  strike();
  await untilAborted(signal);
}

async function askAdmin({ adminPort, signal, strike }: Attacker): Promise<void> {
  const paths = ["sessions", "quarantine", "why?user=user-1", "dashboard.json", "sessions/x/close"];
  for (let n = 0; !signal.aborted; n++) {
    const headers = { authorization: `Bearer ${n}`.padEnd(4000, "x") };
    const url = `http://127.0.0.1:${adminPort}/${paths[n % paths.length]}`;
    const response = await fetch(url, { headers });
    await response.body?.cancel();
    if (response.status !== 401 && response.status !== 429) {
      throw new Error(`${url}: ${response.status}`);
    }
    strike();
    await delay(20, signal);
  }
}

async function beSilent({ port, signal, strike }: Attacker): Promise<void> {
  using _conn = await Deno.connect({ hostname: "127.0.0.1", port });
  strike();
  await untilAborted(signal);
}

async function upgradeSlowly({ port, signal, strike }: Attacker): Promise<void> {
  while (!signal.aborted) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = `GET /web HTTP/1.1\r\nhost: wss\r\nx-filler: ${"x".repeat(1000)}`;
    strike();
    try {
      for (const byte of encoder.encode(head)) {
        await conn.write(new Uint8Array([byte]));
        await delay(500, signal);
        if (signal.aborted) return;
      }
    } catch {
      // It was closed; the next one begins.
      await delay(500, signal);
    }
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}
