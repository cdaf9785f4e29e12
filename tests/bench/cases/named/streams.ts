/** The cost of a push to event streams, beside that of a push to sockets. */
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  turns,
} from "../../harness/benchmark.ts";
import { startChild } from "../../harness/child.ts";
import { startStage } from "../../harness/stage.ts";
import { SUBSCRIBE, SUBSCRIBE_BY_STREAM } from "../../clients/subscribers.ts";
import { fanOutRound } from "../fan_out.ts";

const SESSIONS = 1000;
/** Messages of a round. Each is sent when all clients have the one before. */
const MESSAGES = 200;
const PAYLOADS = [[100, "100 B"], [1024, "1 KiB"], [8192, "8 KiB"]] as const;

const FIGURES: MeasureOptions["figures"] = {
  "CPU a push": {
    unit: "µs",
    hasRatio: true,
    target: { of: "ratio", bound: "at most", value: 1.3 },
  },
  "last receiver's delay": { unit: "ms", hasRatio: true },
  // Near 100 if the server is the limit, and not its clients.
  "server's share of a core": { unit: "%" },
};

/** Fan-out to event streams and to as many sockets with `wss.v1`, each of a process of its own. */
export const streams: Benchmark = {
  name: "streams",
  async run({ small, report }) {
    await using backend = startChild("servers/instant_backend.ts");
    const { origin } = await backend.next();
    const sessions = small ? 50 : SESSIONS;
    const messages = small ? 5 : MESSAGES;
    const clients = { clients: sessions, perPush: sessions, counted: '"status":"update"' };
    const server = { script: "servers/server.ts", options: { backend: origin } };
    await using byStream = await startStage({
      ...server,
      clients: { ...clients, ...SUBSCRIBE_BY_STREAM },
    });
    await using bySocket = await startStage({
      ...server,
      clients: { ...clients, ...SUBSCRIBE, protocol: "wss.v1" },
    });
    for (const [payloadBytes, payload] of PAYLOADS) {
      const round = { sessions, messages, bytes: () => payloadBytes };
      const variants = [
        { name: "streams", stage: byStream },
        { name: "sockets", stage: bySocket },
      ].map(({ name, stage }) => ({
        name,
        measure: async () => (await fanOutRound(stage, round)).sample,
      }));
      report(
        await measureInTurn(variants, {
          ...turns(small),
          benchmark: "streams",
          case: `${sessions} streams and ${sessions} sockets, ${payload}`,
          figures: FIGURES,
        }),
      );
    }
  },
};
