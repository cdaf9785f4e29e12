/**
 * `deno task bench:isolation`: what slow clients cost the others. The delay from publishing to
 * receiving, of 500 clients, without and with 1 that reads nothing and 20 that read 1 KiB a second; in
 * turn, in one run. Prints the ratio of the 99th percentiles.
 */
import { startBackend } from "../_support/backend.ts";
import { startBroker } from "../_support/kafka/broker.ts";
import { findKafka, HOW_TO_GET_KAFKA } from "../_support/kafka/distribution.ts";
import { connectKafka, withAdmin } from "../_support/kafka/topic.ts";
import { startProcess } from "../_support/process.ts";
import { until } from "../_support/queue.ts";
import { openRawSocket } from "../_support/raw_socket.ts";
import { testEnvironment } from "../_support/settings.ts";

const CLIENTS = 500;
const SLOW_CLIENTS = 20;
const SLOW_BYTES_PER_SECOND = 1024;
const ROUNDS = 3;
const MESSAGES = 300;
/** Milliseconds between two messages. */
const EVERY_MS = 50;
const TEXT = "x".repeat(2000);

const LOGIN = { rid: 1, command: "authentication", options: { authToken: "alice" } };
const LIST = { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } };

const distribution = await findKafka();
if (!distribution) throw new Error(HOW_TO_GET_KAFKA);
await using broker = await startBroker(distribution);
const settings = { KAFKA_BROKERS: broker.address, KAFKA_TOPIC: "isolation" };
await withAdmin(
  (admin) => admin.createTopics({ topics: [{ topic: "isolation" }] }),
  broker.address,
);
await using backend = startBackend({ users: { alice: "42" } });
await using wss = await startProcess({ env: { ...testEnvironment(backend.origin), ...settings } });
const url = `ws://127.0.0.1:${await wss.port()}/web`;
await wss.line(/Ready/);
const producer = (await connectKafka(broker.address)).producer();
await producer.connect();

let delays: number[] = [];
const clients: WebSocket[] = [];
let subscribed = 0;
for (let i = 0; i < CLIENTS; i++) {
  const client = new WebSocket(url);
  clients.push(client);
  client.onopen = () => {
    client.send(JSON.stringify(LOGIN));
    client.send(JSON.stringify(LIST));
  };
  client.onmessage = ({ data }) => {
    const { rid, payload } = JSON.parse(data);
    if (rid === 2) subscribed++;
    if (rid === -1) delays.push(performance.now() - payload.at);
  };
}
await until("all are subscribed", () => subscribed === CLIENTS);

/** The 99th percentile of the delays of one round, in milliseconds. */
async function measure(): Promise<number> {
  delays = [];
  for (let n = 0; n < MESSAGES; n++) {
    const data = { at: performance.now(), text: TEXT };
    const value = { type: "notification", document: { userId: "42", type: "a", data } };
    await producer.send({ topic: "isolation", messages: [{ value: JSON.stringify(value) }] });
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  await until("all is received", () => delays.length === MESSAGES * CLIENTS);
  return delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.99)] ?? NaN;
}

/** Connects slow clients, that read for as long as they are let. */
async function connectSlow() {
  const sockets = [];
  for (let i = 0; i <= SLOW_CLIENTS; i++) {
    const socket = await openRawSocket(url);
    await socket.request(LOGIN);
    await socket.request(LIST);
    await socket.readJson();
    await socket.readJson();
    if (i > 0) {
      socket.limitReading(SLOW_BYTES_PER_SECOND);
      (async () => {
        while (await socket.readFrame());
      })().catch(() => {});
    }
    sockets.push(socket);
  }
  return sockets;
}

/** More than the system holds for a slow client. */
async function flood(): Promise<void> {
  const data = { at: NaN, text: "x".repeat(500_000) };
  const value = { type: "notification", document: { userId: "42", type: "a", data } };
  for (let i = 0; i < 20; i++) {
    await producer.send({ topic: "isolation", messages: [{ value: JSON.stringify(value) }] });
  }
}

await measure();
const without: number[] = [];
const withSlow: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  without.push(await measure());
  const slow = await connectSlow();
  delays = [];
  await flood();
  await until("the flood is over", () => delays.length === 20 * CLIENTS, 60_000);
  withSlow.push(await measure());
  for (const socket of slow) socket[Symbol.dispose]();
}
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
const show = (values: number[]) => values.map((ms) => ms.toFixed(1)).join(", ");
// deno-lint-ignore no-console
console.log(`99th percentile without slow clients: ${show(without)} ms
99th percentile with slow clients:    ${show(withSlow)} ms
ratio of the medians: ${(median(withSlow) / median(without)).toFixed(2)}`);
for (const client of clients) client.close();
await producer.disconnect();
