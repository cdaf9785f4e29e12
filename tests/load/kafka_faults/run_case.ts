/** One case: a service behind a proxy, a client that is subscribed, and what becomes of it in a fault. */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { type Service, startService } from "../../../src/service.ts";
import { connect } from "../../_support/clients/client.ts";
import { startFaultProxy } from "../../_support/kafka/faults/proxy.ts";
import { CREDENTIAL } from "../../_support/kafka/sasl_broker.ts";
import { deadline } from "../../_support/queue.ts";
import { testSettings } from "../../_support/service/settings.ts";
import { type FaultCase, LASTS_MS } from "./cases.ts";
import type { Stage, Written } from "./stage.ts";
import { subscribe } from "./subscriber.ts";

/** Milliseconds until a fault must have hit a request. */
const HIT_MS = 40_000;
/** Milliseconds after the fault within which the service must be ready and the stream live. */
const RECOVERY_MS = 60_000;
/** Milliseconds until a service must have ended. */
const STOP_MS = 15_000;
/** Short enough for faults to degrade the stream. */
const DEGRADED_AFTER_SECONDS = 3;

/** What a case has shown. */
export interface FaultResult {
  readonly name: string;
  readonly problem: string | null;
  /** Milliseconds from the fault's end until all was well. */
  readonly recoveryMs: number;
}

/** @param options.seed For garbage */
export async function runCase(
  faultCase: FaultCase,
  options: { stage: Stage; seed: number },
): Promise<FaultResult> {
  const { name } = faultCase;
  try {
    return { name, problem: null, recoveryMs: await survive(faultCase, options) };
  } catch (error) {
    return { name, problem: textOf(error), recoveryMs: NaN };
  }
}

function textOf(error: unknown): string {
  // The end of the service failed as well.
  if (error instanceof SuppressedError) {
    return `${textOf(error.suppressed)}; then ${textOf(error.error)}`;
  }
  return error instanceof Error ? error.message : String(error);
}

async function survive(
  { fault, isOnce, when, newest, mayResync }: FaultCase,
  { stage, seed }: { stage: Stage; seed: number },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const topic = stack.use(await stage.createTopic());
  const random = xoroshiro128plus(seed);
  const proxy = stack.use(startFaultProxy({ brokers: [stage.broker], newest, random }));
  const start = () => {
    const service = startBehind(proxy.addresses, { stage, topic: topic.name });
    stack.defer(() => deadline("the service's end", service.stop(), STOP_MS));
    return service;
  };
  const begin = () => proxy.begin(fault, { once: isOnce });
  const written: Written[] = [];
  const write = async () => void written.push(...await topic.write());
  const waitOut = async (happening: ReturnType<typeof begin>) => {
    await deadline(`a request ${fault.api} to fail`, happening.hit, HIT_MS);
    if (!isOnce) await new Promise((resolve) => setTimeout(resolve, LASTS_MS));
    happening.end();
    return performance.now();
  };

  let endedAt: number;
  let service: Service;
  if (when === "starting") {
    // Without records there would be nothing to fetch before the service is ready.
    await topic.write();
    const happening = begin();
    service = start();
    endedAt = await whileAlive(service, waitOut(happening));
    await whileAlive(service, deadline("the service to be ready", service.ready, RECOVERY_MS));
  } else {
    service = start();
    await whileAlive(service, deadline("the service to be ready", service.ready));
    endedAt = NaN;
  }

  const url = `ws://127.0.0.1:${service.address.port}/web`;
  const client = stack.use(await connect(url, { protocols: ["wss.v1"], token: "alice" }));
  const subscriber = await subscribe(client, service);
  if (when === "running") {
    // The epoch of the log is asked for when the first record has been read.
    if (fault.api !== "OffsetForLeaderEpoch") await write();
    await whileAlive(service, subscriber.receive(written, RECOVERY_MS));
    const happening = begin();
    // The others are sent when a connection was lost.
    if (fault.api === "ListOffsets") stack.defer(await subscriber.askAhead(url, topic.name));
    else if (fault.api !== "Fetch") proxy.cut();
    await write();
    endedAt = await whileAlive(service, waitOut(happening));
  }
  await write();
  await whileAlive(service, subscriber.receive(written, RECOVERY_MS));
  await whileAlive(service, subscriber.live(RECOVERY_MS));
  const recoveryMs = performance.now() - endedAt;
  subscriber.check(written, { mayResync });
  if (proxy.defects.length > 0) throw new Error(proxy.defects[0]);
  return recoveryMs;
}

function startBehind(
  brokers: string[],
  { stage, topic }: { stage: Stage; topic: string },
): Service {
  const settings = testSettings(stage.backend.origin, {
    KAFKA_BROKERS: brokers,
    KAFKA_TOPIC: topic,
    ...CREDENTIAL,
    DEGRADED_AFTER_SECONDS,
  });
  return startService(settings, new KafkaReader(settings));
}

/** The promise, unless the service gives up meanwhile, as its process would. */
function whileAlive<T>({ failed }: Service, promise: Promise<T>): Promise<T> {
  const end = failed.then((reason) => {
    throw new Error(`The process ends: ${reason}`);
  });
  return Promise.race([promise, end]);
}
