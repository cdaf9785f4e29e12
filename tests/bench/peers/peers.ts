/** The servers that are compared, in the order of the table, each configured as users would have it. */
import { ALLOCATOR, V8_FLAGS } from "../../_support/service/process.ts";
import { type Memory, startChild } from "../harness/child.ts";
import { centrifugo } from "./centrifugo.ts";
import type { Peer } from "./peer.ts";
import { socketIo } from "./socket_io.ts";

/** A server of Deno, which is always there. */
function denoServer(
  name: string,
  { script, protocol, own, memory }: {
    script: string;
    protocol?: string;
    /** Options of the script, beside those that all have. */
    own?: object;
    memory?: Memory;
  },
): Peer {
  return {
    name,
    version: () => Promise.resolve(Deno.version.deno),
    install: "",
    format: "wss",
    clients: (user) => ({
      ...protocol !== undefined && { protocol },
      requests: [
        { rid: 1, command: "authentication", options: { authToken: `token-${user}` } },
        { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
      ],
      readyAt: '"rid":2',
      counted: '"status":"update"',
    }),
    async start(options) {
      const child = startChild(script, { ...options, ...own }, memory);
      const { port } = await child.next();
      return { pid: child.pid, port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
    },
  };
}

/** wss and the two bare servers, which are always there. */
export const BASELINES = 3;

/** All of them. wss is first, as the ratios are those to the second one. */
export const PEERS: readonly Peer[] = [
  denoServer("wss", {
    script: "servers/kafka_wss.ts",
    protocol: "wss.v1.batch",
    memory: { v8Flags: V8_FLAGS, env: ALLOCATOR },
  }),
  denoServer("bare", { script: "servers/kafka_rooms.ts" }),
  denoServer("… with a backend", { script: "servers/kafka_rooms.ts", own: { asks: true } }),
  centrifugo("Centrifugo", {}),
  centrifugo("… with history", { history_size: 100, history_ttl: "300s", force_recovery: true }),
  socketIo,
];
