/**
 * The bare baseline of messages from Kafka: the smallest program that reads a topic, finds the socket of
 * a user and sends. It checks nothing, keeps nothing, and knows one socket for each user. Its clients log
 * in as those of wss do. A client that resumes is sent as many frames as the options say.
 */
import { createKafka } from "../../../src/kafka/client.ts";
import { settingsOf, testEnvironment } from "../../_support/service/settings.ts";
import type { KafkaServerOptions, ServerState } from "./kafka_wss.ts";
import { answer, childOptions, cpuMs, say } from "../harness/parent.ts";

/** Also the frame for a client that resumes. */
type Options = KafkaServerOptions & { readonly missed?: number };

const { brokers, topic, backend, missed = 0 }: Options = childOptions();
const byUser = new Map<string, WebSocket>();
let connections = 0;

/** As long as a push of wss, with an id and a cursor of three partitions. */
const EVENT = "0".repeat(32);
const CURSOR = "A".repeat(44);

function push(payload: unknown, id: string): string {
  return JSON.stringify({ rid: -1, event: EVENT, status: "update", payload, id, cursor: CURSOR });
}

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  connections++;
  let user = "";
  socket.onmessage = ({ data }) => {
    const { rid, command, options } = JSON.parse(data);
    if (command === "authentication") byUser.set(user = options.authToken.slice(6), socket);
    socket.send(JSON.stringify({ rid, event: command, status: "ok", payload: null }));
    if (options.since === undefined) return;
    for (let n = 0; n < missed; n++) socket.send(push({ text: "x".repeat(100), n }, `0-${n}`));
  };
  socket.onclose = () => {
    connections--;
    byUser.delete(user);
  };
  return response;
});

const settings = settingsOf({ ...testEnvironment(backend), KAFKA_BROKERS: brokers });
const consumer = (await createKafka(settings)).consumer({
  groupId: crypto.randomUUID(),
  maxWaitTimeInMs: 1000,
});
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
const joined = new Promise<void>((resolve) => consumer.on("consumer.group_join", () => resolve()));
await consumer.run({
  autoCommit: false,
  eachBatch({ batch: { partition, messages } }) {
    for (const { offset, value } of messages) {
      const { document: { userId, data } } = JSON.parse(String(value));
      byUser.get(userId)?.send(push(data, `${partition}-${offset}`));
    }
    return Promise.resolve();
  },
});
await joined;
say({ port: server.addr.port });

await answer((): ServerState => ({ cpuMs: cpuMs(), connections }));
