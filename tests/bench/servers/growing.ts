/**
 * wss, in a process of its own, with an embedded log of any number of partitions. It publishes messages for
 * single users in small pieces, and says how long its event loop was busy at a stretch.
 */
import { setImmediate } from "node:timers/promises";
import { createEmbeddedLog } from "../../../src/dev/embedded_log.ts";
import { startService } from "../../../src/service.ts";
import { settingsOf, testEnvironment } from "../../_support/service/settings.ts";
import { answer, childOptions, cpuMs, say } from "../harness/parent.ts";

/** The options of the process. */
export interface GrowingOptions {
  /** The origin of its backend, which is another process. */
  readonly backend: string;
  /** Default: 1. */
  readonly partitions?: number;
}

/** Messages to publish; without them, the state only. */
export interface GrowingQuestion {
  readonly messages?: number;
  /** The number of users to whom they go in turn. */
  readonly users?: number;
  /** A prefix for the numbers of the users, for users who are not connected. */
  readonly prefix?: string;
}

/** What the process has done. */
export interface GrowingState {
  /** Before the messages were published. */
  readonly cpuMs: number;
  /** The longest stretch for which a timer had to wait since the last question, in milliseconds. */
  readonly stallMs: number;
}

/** Messages that are published in one turn: what a reader hands over at once. */
const PER_TURN = 16;
/** Milliseconds between two looks at the clock. */
const TICK_MS = 2;

const { backend, partitions = 1 }: GrowingOptions = childOptions();
const log = createEmbeddedLog({ partitions });
const service = startService(
  settingsOf({
    ...testEnvironment(backend),
    // Nothing else should run than what is measured. The clients answer no pings.
    PING_SECONDS: "86400",
    CURSOR_SECONDS: "86400",
    AUTH_REVALIDATE_SECONDS: "0",
    // No login is refused because many come at once.
    REQUEST_POOL_SIZE: "10000",
    // The window has room for every message of the benchmark.
    RECOVERY_WINDOW_SECONDS: "3600",
    RECOVERY_MAX_BYTES: String(2 ** 30),
  }),
  log.createReader(),
);
await service.ready;
say({ port: service.address.port });

let stallMs = 0;
let tickedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  stallMs = Math.max(stallMs, now - tickedAt - TICK_MS);
  tickedAt = now;
}, TICK_MS);

let published = 0;

async function publish({ messages = 0, users = 1, prefix = "" }: GrowingQuestion): Promise<void> {
  for (let i = 0; i < messages; i++, published++) {
    const document = { userId: `${prefix}${i % users}`, type: "t0", data: "x".repeat(100) };
    log.publish(JSON.stringify({ type: "notification", document }), published % partitions);
    if (i % PER_TURN === PER_TURN - 1) await setImmediate();
  }
}

await answer(async (question: GrowingQuestion): Promise<GrowingState> => {
  const state = { cpuMs: cpuMs(), stallMs };
  stallMs = 0;
  await publish(question);
  return state;
});
