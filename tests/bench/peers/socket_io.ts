/** Socket.IO under Node, with kafkajs: a room for each user. Its clients say who they are, unchecked. */
import { fileURLToPath } from "node:url";
import type { Peer } from "./peer.ts";
import { freePort, outputOf, startPeerProcess } from "./process.ts";

/** Where its packages are installed, apart from those of the project. */
const folder = () => `${Deno.env.get("HOME")}/.cache/wss/peers`;
const SERVER = fileURLToPath(new URL("socket_io_server.cjs", import.meta.url));

export const socketIo: Peer = {
  name: "Socket.IO",
  get install() {
    return `npm install --prefix ${folder()} socket.io@4 kafkajs@2`;
  },
  format: "wss",
  async version() {
    const node = await outputOf("node", ["--version"]);
    try {
      const file = `${folder()}/node_modules/socket.io/package.json`;
      return node && JSON.parse(await Deno.readTextFile(file)).version;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  },
  clients: (user) => ({
    path: "/socket.io/?EIO=4&transport=websocket",
    waitsForUpgrade: true,
    texts: [`40{"user":"${user}"}`],
    // Engine.IO has a "sid", too, in a frame that begins with 0.
    readyAt: '40{"sid"',
    counted: '42["update"',
  }),
  async start({ brokers, topic }) {
    const port = freePort();
    const process = await startPeerProcess("node", {
      args: [SERVER],
      env: {
        NODE_PATH: `${folder()}/node_modules`,
        NODE_ENV: "production",
        PORT: String(port),
        KAFKA_BROKERS: brokers,
        KAFKA_TOPIC: topic,
      },
      isReady: (line) => line === "ready",
    });
    return { ...process, port };
  },
};
