/**
 * How long a request waits while messages are sent to 10,000 sessions.
 *
 * One more client, in a process of its own, gets none of these messages. It always has a request under
 * way that costs next to nothing. The figure is its longest wait of a round, from just before it writes
 * a request until it has read the reply. On two cores this process shares the cores with the server and
 * with the 10,000 clients, which adds to the figure. There is no bare server to compare with, because it
 * would send to all in one turn, and answer nothing meanwhile.
 */
import { type Benchmark, measureInTurn, turns, type Variant } from "../harness/benchmark.ts";
import { startChild } from "../harness/child.ts";
import type { ClientsOptions } from "../clients/clients.ts";
import { startStage } from "../harness/stage.ts";
import { SUBSCRIBE } from "../clients/subscribers.ts";
import type { Waited } from "../clients/waiting_client.ts";
import { fanOutRound } from "./fan_out.ts";

const SESSIONS = 10_000;
const PAYLOADS = [[100, "100 B"], [1024, "1 KiB"]] as const;
/** Messages of a round, one after another. */
const MESSAGES = 20;

/** One way to subscribe the sessions. */
interface Case {
  readonly name: string;
  /** What the server publishes. */
  readonly publishes: "notification" | "schedule";
  readonly clients: Omit<ClientsOptions, "port" | "clients" | "perPush">;
}

const CASES: readonly Case[] = [{
  name: "one subscription of all",
  publishes: "notification",
  clients: SUBSCRIBE,
}, {
  name: "the same as wss.v1.batch",
  publishes: "notification",
  clients: { ...SUBSCRIBE, protocol: "wss.v1.batch, wss.v1", counted: '"status":"update"' },
}, {
  name: "one for each",
  publishes: "schedule",
  clients: {
    path: "/mobile",
    requests: [{
      rid: 1,
      command: "getSchedules",
      options: { where: { from: 1, to: 2, timezone: "UTC", gameIds: ["{client}"] } },
    }],
    readyAt: '"rid":1',
  },
}];

/** The longest wait of a request, for each way to subscribe. */
export const waiting: Benchmark = {
  name: "waiting",
  async run({ small, report }) {
    const sessions = small ? 50 : SESSIONS;
    const messages = small ? 5 : MESSAGES;
    await using backend = startChild("servers/instant_backend.ts");
    const { origin } = await backend.next();
    for (const { name, publishes, clients } of CASES) {
      await using stage = await startStage({
        script: "servers/server.ts",
        options: { backend: origin, publishes },
        clients: { ...clients, clients: sessions, perPush: sessions },
      });
      await using client = startChild("clients/waiting_client.ts", { port: stage.port });
      await client.next();
      for (const [payloadBytes, payload] of PAYLOADS) {
        const wss: Variant = {
          name: "wss",
          async measure() {
            await client.ask({});
            const round = { sessions, messages, bytes: () => payloadBytes };
            const { sample } = await fanOutRound(stage, round);
            const { longestMs }: Waited = await client.ask({});
            return { ...sample, figures: { "longest wait of a request": longestMs } };
          },
        };
        report(
          await measureInTurn([wss], {
            ...turns(small),
            benchmark: "waiting",
            case: `${sessions} sessions, ${payload}, ${name}`,
            figures: {
              "longest wait of a request": {
                unit: "ms",
                target: { of: "value", bound: "at most", value: 20 },
              },
            },
          }),
        );
      }
    }
  },
};
