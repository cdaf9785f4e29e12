/** The cost of a request that a backend answers at once, with 200 sessions that always have one under way. */
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  turns,
  type Variant,
} from "../harness/benchmark.ts";
import type { Asked } from "../clients/asking_clients.ts";
import { type Child, startChild } from "../harness/child.ts";

const CLIENTS = 200;
/** Requests of a round, by all clients together. */
const REQUESTS = 20_000;
const REQUEST = {
  rid: 2,
  command: "getMyNotificationsCount",
  options: { where: { types: [] }, status: "unseen" },
};

const FIGURES: MeasureOptions["figures"] = {
  "requests a second": {
    unit: "",
    hasRatio: true,
    target: { of: "ratio", bound: "at least", value: 0.8 },
  },
  "CPU a request": { unit: "µs", hasRatio: true },
  // Near 100 if the server is the limit, and not the clients or the backend.
  "server's share of a core": { unit: "%" },
};

interface Stage {
  readonly server: Child;
  readonly clients: Child;
}

function variantOf(name: string, { server, clients }: Stage, requests: number): Variant {
  return {
    name,
    async measure() {
      const { cpuMs: before } = await server.ask({});
      const { ok, tookMs }: Asked = await clients.ask({ requests });
      const cpuMs = (await server.ask({})).cpuMs - before;
      return {
        delivered: ok,
        expected: requests,
        figures: {
          "requests a second": ok / tookMs * 1000,
          "CPU a request": cpuMs * 1000 / ok,
          "server's share of a core": cpuMs / tookMs * 100,
        },
      };
    },
  };
}

/** Requests to wss and to a bare server, with the same backend. */
export const requests: Benchmark = {
  name: "requests",
  async run({ small, report }) {
    const count = small ? 20 : CLIENTS;
    await using children = new AsyncDisposableStack();
    const { origin } = await children.use(startChild("servers/instant_backend.ts")).next();
    const startStage = async (script: string): Promise<Stage> => {
      const server = children.use(startChild(script, { backend: origin }));
      const { port } = await server.next();
      const options = { port, clients: count, request: REQUEST };
      const clients = children.use(startChild("clients/asking_clients.ts", options));
      await clients.next();
      return { server, clients };
    };
    const perRound = small ? 200 : REQUESTS;
    const variants = [
      variantOf("wss", await startStage("servers/server.ts"), perRound),
      variantOf("bare", await startStage("servers/bare_requests.ts"), perRound),
    ];
    report(
      await measureInTurn(variants, {
        ...turns(small),
        benchmark: "requests",
        case: `${count} sessions`,
        figures: FIGURES,
      }),
    );
  },
};
