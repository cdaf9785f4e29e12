/**
 * The cost of a connection: its memory, the CPU until it is open or, if it subscribes, until it has its
 * list, and the connections a second.
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
/** The number of subscribed connections for which there is a target. */
const TARGET_CONNECTIONS = 10_000;
/** Milliseconds until all are connected, and until the memory without garbage is known. */
const TIMEOUT_MS = 300_000;

/** Each connection is another user's. */
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

/** Does a round in a process of its own, because memory that is given back does not always show. */
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

/** Connections to wss and to a bare server, which are idle or have one subscription each. */
export const connections: Benchmark = {
  name: "connections",
  async run({ small, report }) {
    await using backend = startChild("servers/users_backend.ts");
    const { origin } = await backend.next();
    const settings = {
      // No token is checked again during a round, but the memory for these checks counts.
      AUTH_REVALIDATE_SECONDS: "300",
      // Each token comes once, and the cache of its answer is no cost of its connection.
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
