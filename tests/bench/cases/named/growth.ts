/**
 * What an item costs as the instance has more of everything: sessions, partitions, subscriptions, records
 * in the window, logins at once. Each table has the large size beside the small one, which should cost the
 * same, and the longest stall of the event loop. The log is embedded, so the figures are those of wss
 * alone.
 */
import {
  type Benchmark,
  type FigureInfo,
  measureInTurn,
  type MeasureOptions,
  turns,
  type Variant,
} from "../../harness/benchmark.ts";
import { type Child, startChild } from "../../harness/child.ts";
import { requireFiles } from "../../harness/stage.ts";
import type { ClientsOptions, Received } from "../../clients/clients.ts";
import type { GrowingOptions, GrowingQuestion, GrowingState } from "../../servers/growing.ts";

/** Messages of a round. */
const MESSAGES = 20_000;
/** Sessions where something else grows. */
const SESSIONS = 1000;
/** Milliseconds until all clients are connected, or all messages are published. */
const TIMEOUT_MS = 300_000;
/** The most that the large size may cost of the small one, and the longest stall. */
const MAX_RATIO = 1.3;
const MAX_STALL_MS = 50;

/** How large an instance is. */
interface Size {
  readonly sessions?: number;
  readonly partitions?: number;
  /** Of each session, each to another type. */
  readonly subscriptions?: number;
  /** Records in the window when the first round begins. */
  readonly window?: number;
}

/** What grows: the name of a table, and the large and the small size. */
type Growing = readonly [what: string, large: Size, small: Size];

/** Of sessions as many as 20,000 open files allow, which many systems have as their limit. */
const GROWING: readonly Growing[] = [
  ["sessions", { sessions: 19_000 }, { sessions: 1000 }],
  ["partitions", { partitions: 200 }, { partitions: 1 }],
  ["subscriptions a session", { subscriptions: 100 }, { subscriptions: 1 }],
  ["records in the window", { window: 300_000 }, { window: 10_000 }],
];
const LOGINS = [10_000, 500];

function figures(item: string): MeasureOptions["figures"] {
  const stall: FigureInfo = {
    unit: "ms",
    target: { of: "value", bound: "at most", value: MAX_STALL_MS },
  };
  return {
    [`CPU a ${item}`]: {
      unit: "µs",
      hasRatio: true,
      target: { of: "ratio", bound: "at most", value: MAX_RATIO },
    },
    "longest stall": stall,
  };
}

/** A login, and as many subscriptions. */
function requestsOf(subscriptions: number): Pick<ClientsOptions, "requests" | "readyAt"> {
  const login = { rid: 1, command: "authentication", options: { authToken: "token-{client}" } };
  const lists = Array.from({ length: subscriptions }, (_, i) => ({
    rid: i + 2,
    command: "getMyNotifications",
    options: { where: { types: [`t${i}`] } },
  }));
  return { requests: [login, ...lists], readyAt: `"rid":${subscriptions + 1},` };
}

/** Waits until all clients are there; the time that it takes is theirs. */
async function startClients(options: ClientsOptions): Promise<Child> {
  const clients = startChild("clients/clients.ts", options);
  await clients.next(TIMEOUT_MS);
  return clients;
}

/** An instance of a size, which delivers messages to one of its users each. */
async function startVariant(
  backend: string,
  { name, size, messages }: { name: string; size: Size; messages: number },
): Promise<Variant & AsyncDisposable> {
  const { sessions = SESSIONS, partitions = 1, subscriptions = 1, window = 0 } = size;
  await using starting = new AsyncDisposableStack();
  const options: GrowingOptions = { backend, partitions };
  const server = starting.use(startChild("servers/growing.ts", options));
  const { port } = await server.next();
  const ask = (question: GrowingQuestion): Promise<GrowingState> =>
    server.ask(question, TIMEOUT_MS);
  const clients = starting.use(
    await startClients({
      port,
      clients: sessions,
      perPush: messages,
      counted: '"status":"update"',
      ...requestsOf(subscriptions),
    }),
  );
  await ask({ messages: window, prefix: "absent-" });
  const started = starting.move();
  return {
    name,
    async measure() {
      await ask({});
      const [before, { count }] = await Promise.all([
        ask({ messages, users: sessions }),
        clients.ask({}) as Promise<Received>,
      ]);
      const { cpuMs, stallMs } = await ask({});
      return {
        delivered: count,
        expected: messages,
        figures: {
          "CPU a message": (cpuMs - before.cpuMs) * 1000 / messages,
          "longest stall": stallMs,
        },
      };
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** Logins that all come at once, each with a list; their connections count as well. */
function loginVariant(backend: string, logins: number): Variant {
  return {
    name: String(logins),
    async measure() {
      await using server = startChild("servers/growing.ts", { backend });
      const { port } = await server.next();
      const before: GrowingState = await server.ask({});
      await using _ = await startClients({
        port,
        clients: logins,
        sendsAtOnce: true,
        perPush: 1,
        ...requestsOf(1),
      });
      const { cpuMs, stallMs }: GrowingState = await server.ask({}, TIMEOUT_MS);
      return {
        delivered: logins,
        expected: logins,
        figures: {
          "CPU a login": (cpuMs - before.cpuMs) * 1000 / logins,
          "longest stall": stallMs,
        },
      };
    },
  };
}

/** The name of a size: what is not usual of it. */
function nameOf(size: Size): string {
  return Object.values(size).join(", ");
}

/** A small size beside a large one, for all that grows. */
export const growth: Benchmark = {
  name: "growth",
  async run({ small, report }) {
    const scale = small ? 0.01 : 1;
    const scaled = (count: number) => Math.max(1, Math.round(count * scale));
    await requireFiles(scaled(GROWING[0]?.[1].sessions ?? 0));
    await using backend = startChild("servers/backend.ts");
    const { origin } = await backend.next();
    for (const [what, ...sizes] of GROWING) {
      await using variants = new AsyncDisposableStack();
      const started = [];
      for (const size of sizes) {
        const own = Object.fromEntries(
          Object.entries({ sessions: SESSIONS, ...size }).map(([key, count]) => [
            key,
            key === "sessions" || key === "window" ? scaled(count) : count,
          ]),
        );
        const variant = { name: nameOf(size), size: own, messages: scaled(MESSAGES) };
        started.push(variants.use(await startVariant(origin, variant)));
      }
      report(
        await measureInTurn(started, {
          ...turns(small),
          benchmark: "growth",
          case: what,
          figures: figures("message"),
        }),
      );
    }
    report(
      await measureInTurn(LOGINS.map((logins) => loginVariant(origin, scaled(logins))), {
        rounds: small ? 1 : 3,
        warmUps: 0,
        planMs: TIMEOUT_MS,
        benchmark: "growth",
        case: "logins at once",
        figures: figures("login"),
      }),
    );
  },
};
