/** The cost of one message that goes to many subscribed sessions. */
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  type Sample,
  turns,
  type Variant,
} from "../harness/benchmark.ts";
import { startChild } from "../harness/child.ts";
import { earlyPushes, type Stage, startStage } from "../harness/stage.ts";
import { median } from "../harness/statistics.ts";
import { SUBSCRIBE } from "../clients/subscribers.ts";

const SESSIONS = [1000, 5000, 10_000];
const PAYLOADS = [[100, "100 B"], [1024, "1 KiB"], [8192, "8 KiB"]] as const;
/** Pushes of a round, to all sessions together. */
const PUSHES = 200_000;

const FIGURES: MeasureOptions["figures"] = {
  "CPU a push": {
    unit: "µs",
    hasRatio: true,
    target: { of: "ratio", bound: "at most", value: 1.1 },
  },
  "pushes a second": { unit: "", hasRatio: true },
  "first receiver's delay": { unit: "ms", hasRatio: true },
  "last receiver's delay": { unit: "ms", hasRatio: true },
  // Near 100 if the server is the limit, and not its clients.
  "server's share of a core": { unit: "%" },
};

/** The messages of a round. */
export interface Round {
  readonly sessions: number;
  /** The number of messages. Each is sent when all clients have the one before. */
  readonly messages: number;
  /** Bytes of the n-th message, for the server. */
  readonly bytes: (n: number) => number;
}

/** Does a round. It also notes the bytes of each message that a client got. */
export async function fanOutRound(
  stage: Stage,
  { sessions, messages, bytes }: Round,
): Promise<{ sample: Sample; received: number[] }> {
  const cpuBefore = await stage.cpuMs();
  const pushes = [];
  for (let n = 0; n < messages; n++) {
    const push = await stage.push({ times: 1, bytes: bytes(n) });
    pushes.push(push);
    if (Number.isNaN(push.lastMs)) break;
  }
  const cpuMs = await stage.cpuMs() - cpuBefore;
  const delivered = pushes.reduce((sum, { count }) => sum + count, 0);
  const busyMs = pushes.reduce((sum, { lastMs }) => sum + lastMs, 0);
  return {
    sample: {
      delivered: delivered + await stage.surplus(),
      expected: sessions * messages,
      problems: earlyPushes(pushes),
      figures: {
        "CPU a push": cpuMs * 1000 / delivered,
        "pushes a second": delivered / busyMs * 1000,
        "first receiver's delay": median(pushes.map(({ firstMs }) => firstMs)),
        "last receiver's delay": median(pushes.map(({ lastMs }) => lastMs)),
        "server's share of a core": cpuMs / busyMs * 100,
      },
    },
    received: pushes.map(({ bytes, count }) => bytes / count),
  };
}

/** The bytes of a frame's text, given its bytes on the wire. A server's frame has no mask. */
export function payloadOf(frameBytes: number): number {
  return frameBytes - (frameBytes <= 127 ? 2 : frameBytes <= 65_539 ? 4 : 10);
}

/** Fan-out by wss and by a bare server, with frames of the same length. */
export const fanOut: Benchmark = {
  name: "fan-out",
  async run({ small, report }) {
    await using backend = startChild("servers/instant_backend.ts");
    const { origin } = await backend.next();
    for (const sessions of small ? [50] : SESSIONS) {
      const messages = small ? 5 : PUSHES / sessions;
      const clients = { clients: sessions, perPush: sessions };
      await using wss = await startStage({
        script: "servers/server.ts",
        options: { backend: origin },
        clients: { ...clients, ...SUBSCRIBE },
      });
      await using bare = await startStage({ script: "servers/bare.ts", clients });
      for (const [payloadBytes, payload] of PAYLOADS) {
        let received: number[] = [];
        const variants: Variant[] = [{
          name: "wss",
          async measure() {
            const round = await fanOutRound(wss, { sessions, messages, bytes: () => payloadBytes });
            received = round.received;
            return round.sample;
          },
        }, {
          name: "bare",
          async measure() {
            const bytes = (n: number) => payloadOf(received[n] ?? 0);
            const round = await fanOutRound(bare, { sessions, messages, bytes });
            return round.sample;
          },
        }];
        report(
          await measureInTurn(variants, {
            ...turns(small),
            benchmark: "fan-out",
            case: `${sessions} sessions, ${payload}`,
            figures: FIGURES,
          }),
        );
      }
    }
  },
};
