/**
 * What a connection costs: memory, CPU until it is open and, where it subscribes, until it has its
 * list, and how many there are of that a second.
 */
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  type Sample,
  turns,
} from "../harness/benchmark.ts";
import { startChild } from "../harness/child.ts";
import type { ClientsOptions } from "../clients/clients.ts";
import { requireFiles } from "../harness/stage.ts";

const CONNECTIONS = [1000, 5000, 10_000, 15_000];
/** The number of connections for which there is a target, where each has a subscription. */
const TARGET_CONNECTIONS = 10_000;
/** Milliseconds until all are connected, and until all that is no garbage is known. */
const TIMEOUT_MS = 300_000;

/** Each is of another user. */
const SUBSCRIBE: Pick<ClientsOptions, "requests" | "readyAt"> = {
  requests: [
    { rid: 1, command: "authentication", options: { authToken: "user-{client}" } },
    { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
  ],
  readyAt: '"rid":2',
};

function figures(target: MeasureOptions["figures"][string]["target"]): MeasureOptions["figures"] {
  return {
    "RSS a connection": { unit: "KiB", hasRatio: true, ...target && { target } },
    "CPU a connection": { unit: "ms", hasRatio: true },
    "connections a second": { unit: "", hasRatio: true },
  };
}

/** Does a round, with a process of its own: what was given back is not always seen to be. */
async function connect(
  script: string,
  { options, clients: connections, ...clients }: {
    options?: unknown;
    clients: number;
  } & Pick<ClientsOptions, "requests" | "readyAt">,
): Promise<Sample> {
  await using server = startChild(script, options);
  const { port } = await server.next();
  const { residentBytes: bytesBefore } = await server.ask({ memory: true });
  const { cpuMs: cpuBefore } = await server.ask({});
  await using children = startChild("clients/clients.ts", {
    ...clients,
    port,
    clients: connections,
    perPush: 1,
  });
  const { tookMs } = await children.next(TIMEOUT_MS);
  const { cpuMs, connections: delivered } = await server.ask({});
  const { residentBytes } = await server.ask({ memory: true }, TIMEOUT_MS);
  return {
    delivered,
    expected: connections,
    figures: {
      "RSS a connection": (residentBytes - bytesBefore) / 1024 / connections,
      "CPU a connection": (cpuMs - cpuBefore) / connections,
      "connections a second": connections / tookMs * 1000,
    },
  };
}

/** Connections to wss and to a bare server, that do nothing or have a subscription each. */
export const connections: Benchmark = {
  name: "connections",
  async run({ small, report }) {
    await using backend = startChild("servers/users_backend.ts");
    const { origin } = await backend.next();
    const settings = {
      // No check is due in the time of a round, but what is kept for it counts.
      AUTH_REVALIDATE_SECONDS: "300",
      // Each token comes once; what is kept of it for some seconds is not its connection's.
      AUTH_CACHE_SECONDS: "0",
    };
    const options = { backend: origin, settings };
    for (const number of small ? [100] : CONNECTIONS) {
      await requireFiles(number);
      for (const [what, requests] of [["idle", {}], ["subscribed", SUBSCRIBE]] as const) {
        const clients = { clients: number, ...requests };
        const isTarget = number === TARGET_CONNECTIONS && what === "subscribed";
        report(
          await measureInTurn([
            { name: "wss", measure: () => connect("servers/server.ts", { options, ...clients }) },
            { name: "bare", measure: () => connect("servers/bare_connections.ts", clients) },
          ], {
            ...turns(small),
            benchmark: "connections",
            case: `${number}, ${what}`,
            figures: figures(isTarget ? { of: "ratio", bound: "at most", value: 1.15 } : undefined),
          }),
        );
      }
    }
  },
};
