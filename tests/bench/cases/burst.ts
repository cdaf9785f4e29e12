/**
 * The cost of a burst, 20 messages at once to each session: with clients that take many pushes in one
 * frame (`wss.v1.batch`), with clients that do not, and with a bare server.
 */
import {
  type Benchmark,
  measureInTurn,
  type MeasureOptions,
  type Sample,
  turns,
} from "../harness/benchmark.ts";
import { startChild } from "../harness/child.ts";
import { earlyPushes, type Pushed, type Stage, startStage } from "../harness/stage.ts";
import { SUBSCRIBE } from "../clients/subscribers.ts";
import { payloadOf } from "./fan_out.ts";

const SESSIONS = 1000;
/** Messages at once. */
const MESSAGES = 20;
/** Bursts of a round. Each begins when all clients have the one before. */
const BURSTS = 10;
const PAYLOAD_BYTES = 100;

const FIGURES: MeasureOptions["figures"] = {
  "CPU a push": {
    unit: "µs",
    hasRatio: true,
    target: { of: "ratio", bound: "at most", value: 0.25 },
  },
  "bytes a push": { unit: "", hasRatio: true },
  "last receiver's delay": { unit: "ms", hasRatio: true },
  // Near 100 if the server is the limit, and not its clients.
  "server's share of a core": { unit: "%" },
};

interface Round {
  readonly sessions: number;
  readonly bursts: number;
  /** Bytes of a message, for the server. */
  readonly bytes: number;
}

async function burstRound(stage: Stage, { sessions, bursts, bytes }: Round): Promise<Sample> {
  const before = await stage.cpuMs();
  const pushed: Pushed[] = [];
  for (let n = 0; n < bursts; n++) {
    const push = await stage.push({ times: MESSAGES, bytes });
    pushed.push(push);
    if (Number.isNaN(push.lastMs)) break;
  }
  const cpuMs = await stage.cpuMs() - before;
  const sum = (of: keyof Pushed) => pushed.reduce((sum, push) => sum + push[of], 0);
  const delivered = sum("count");
  return {
    delivered: delivered + await stage.surplus(),
    expected: sessions * bursts * MESSAGES,
    problems: earlyPushes(pushed),
    figures: {
      "CPU a push": cpuMs * 1000 / delivered,
      "bytes a push": sum("bytes") / delivered,
      "last receiver's delay": sum("lastMs") / pushed.length,
      "server's share of a core": cpuMs / sum("lastMs") * 100,
    },
  };
}

/** Bursts to clients of wss with and without batches, and to clients of a bare server. */
export const burst: Benchmark = {
  name: "burst",
  async run({ small, report }) {
    await using backend = startChild("servers/instant_backend.ts");
    const { origin } = await backend.next();
    const sessions = small ? 50 : SESSIONS;
    const round = { sessions, bursts: small ? 2 : BURSTS, bytes: PAYLOAD_BYTES };
    const clients = { clients: sessions, perPush: sessions * MESSAGES };
    const startWss = (protocol: string) =>
      startStage({
        script: "servers/server.ts",
        options: { backend: origin },
        clients: { ...clients, ...SUBSCRIBE, protocol, counted: '"status":"update"' },
      });
    await using batch = await startWss("wss.v1.batch, wss.v1");
    await using plain = await startWss("wss.v1");
    await using bare = await startStage({ script: "servers/bare.ts", clients });
    let plainBytes = 0;
    const variants = [{
      name: "batch",
      measure: () => burstRound(batch, round),
    }, {
      name: "plain",
      async measure() {
        const sample = await burstRound(plain, round);
        plainBytes = sample.figures["bytes a push"] ?? 0;
        return sample;
      },
    }, {
      name: "bare",
      // As long as the frames of wss, on average.
      measure: () => burstRound(bare, { ...round, bytes: payloadOf(Math.round(plainBytes)) }),
    }];
    report(
      await measureInTurn(variants, {
        ...turns(small),
        benchmark: "burst",
        case: `${sessions} sessions, ${MESSAGES} messages of ${PAYLOAD_BYTES} B at once`,
        figures: FIGURES,
      }),
    );
  },
};
