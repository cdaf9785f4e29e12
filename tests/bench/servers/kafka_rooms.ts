/**
 * The bare baseline beside peers: the smallest program that reads a topic, and sends each message to all
 * sockets of its user. It checks and keeps nothing, and asks a backend only if it is told to.
 */
import { createKafka } from "../../../src/kafka/client.ts";
import { settingsOf, testEnvironment } from "../../_support/service/settings.ts";
import type { KafkaServerOptions, ServerState } from "./kafka_wss.ts";
import { answer, childOptions, cpuMs, say } from "../harness/parent.ts";

/** The options of the process. */
interface KafkaRoomsOptions extends KafkaServerOptions {
  /** Whether it asks the backend for each reply, as wss does. Default: false. */
  readonly asks?: boolean;
}

const { brokers, topic, backend, asks = false }: KafkaRoomsOptions = childOptions();
const byUser = new Map<string, Set<WebSocket>>();
let connections = 0;

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  connections++;
  let user = "";
  let authorization = "";
  socket.onmessage = async ({ data }) => {
    const { rid, command, options } = JSON.parse(data);
    if (command === "authentication") {
      authorization = options.authToken;
      user = authorization.slice("token-".length);
      byUser.set(user, (byUser.get(user) ?? new Set()).add(socket));
    }
    const payload = asks
      ? await (await fetch(`${backend}/${command}`, { headers: { authorization } })).json()
      : null;
    socket.send(JSON.stringify({ rid, event: command, status: "ok", payload }));
  };
  socket.onclose = () => {
    connections--;
    byUser.get(user)?.delete(socket);
  };
  return response;
});

const settings = settingsOf({ ...testEnvironment(backend), KAFKA_BROKERS: brokers });
const consumer = (await createKafka(settings)).consumer({ groupId: crypto.randomUUID() });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
const joined = new Promise<void>((resolve) => consumer.on("consumer.group_join", () => resolve()));
await consumer.run({
  autoCommit: false,
  eachBatch({ batch: { partition, messages } }) {
    for (const { offset, value } of messages) {
      const { document: { userId, data } } = JSON.parse(String(value));
      const id = `${partition}-${offset}`;
      const text = JSON.stringify({ rid: -1, event: "list", status: "update", payload: data, id });
      for (const socket of byUser.get(userId) ?? []) socket.send(text);
    }
    return Promise.resolve();
  },
});
await joined;
say({ port: server.addr.port });

await answer((): ServerState => ({ cpuMs: cpuMs(), connections }));
