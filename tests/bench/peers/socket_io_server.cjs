/** Notifications with Socket.IO and kafkajs, as their documentation shows it. It runs under Node. */
const { createServer } = require("node:http");
const { env, stdout } = require("node:process");
const { Kafka, logLevel } = require("kafkajs");
const { Server } = require("socket.io");

const server = createServer();
// As for all peers, no pings, as the clients do not answer them.
const io = new Server(server, { transports: ["websocket"], pingInterval: 86_400_000 });
io.on("connection", (socket) => socket.join(socket.handshake.auth.user));

async function main() {
  const kafka = new Kafka({ brokers: [env.KAFKA_BROKERS], logLevel: logLevel.ERROR });
  const consumer = kafka.consumer({ groupId: `socket.io-${Date.now()}` });
  await consumer.connect();
  await consumer.subscribe({ topic: env.KAFKA_TOPIC, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    eachMessage({ message }) {
      const { document: { userId, data } } = JSON.parse(String(message.value));
      io.to(userId).emit("update", data);
      return Promise.resolve();
    },
  });
  await joined;
  server.listen(Number(env.PORT), "127.0.0.1", () => stdout.write("ready\n"));
}

main();
