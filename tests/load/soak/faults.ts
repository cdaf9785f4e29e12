/** What happens to the parts of a soak while it runs. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { SoakBrokers } from "./brokers.ts";
import type { Fleet } from "./fleet.ts";

/** Something that happens to a part, some time after the producer's start. */
export type Fault =
  & { readonly atMs: number }
  & (
    | { readonly does: "kill" | "restart"; readonly instance: number }
    | {
      readonly does: "kill" | "freeze" | "restart";
      readonly broker: number;
      /** Milliseconds until it is started again, or goes on. */
      readonly forMs: number;
    }
    | { readonly does: "withdraw the right to read"; readonly forMs: number }
    | { readonly does: "restart one instance after the other" }
  );

export interface RandomFaults {
  readonly seed: number;
  readonly seconds: number;
  readonly instances: number;
}

/** Faults at random times: the broker is killed twice, an instance killed or restarted between. */
export function randomFaults({ seed, seconds, instances }: RandomFaults): Fault[] {
  const random = xoroshiro128plus(seed);
  const between = (from: number, to: number) => uniformInt(random, Math.ceil(from), Math.floor(to));
  const ms = seconds * 1000;
  const faults: Fault[] = [0.2, 0.65].map((part) => ({
    atMs: between(part * ms, (part + 0.1) * ms),
    does: "kill",
    broker: 1,
    forMs: 0,
  }));
  for (let atMs = between(2000, 5000); atMs < ms; atMs += between(5000, 9000)) {
    const does = between(0, 1) === 0 ? "kill" : "restart";
    faults.push({ atMs, does, instance: between(0, instances - 1) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/**
 * Faults of a cluster at random times: again and again one of the three brokers is killed, frozen or
 * restarted, the right to read is withdrawn, and an instance is killed or restarted.
 */
export function randomClusterFaults({ seed, seconds, instances }: RandomFaults): Fault[] {
  const random = xoroshiro128plus(seed);
  const between = (from: number, to: number) => uniformInt(random, from, to);
  const ms = seconds * 1000;
  const faults: Fault[] = [];
  const repeat = ([from, to]: [number, number], fault: (atMs: number) => Fault) => {
    for (let atMs = between(2000, to); atMs < ms; atMs += between(from, to)) {
      faults.push(fault(atMs));
    }
  };
  const does = ["kill", "freeze", "restart"] as const;
  repeat([15_000, 30_000], (atMs) => ({
    atMs,
    does: does[between(0, 2)] ?? "kill",
    broker: between(1, 3),
    forMs: between(1000, 20_000),
  }));
  repeat([40_000, 80_000], (atMs) => ({
    atMs,
    does: "withdraw the right to read",
    forMs: between(1000, 15_000),
  }));
  repeat([15_000, 30_000], (atMs) => ({
    atMs,
    does: between(0, 1) === 0 ? "kill" : "restart",
    instance: between(0, instances - 1),
  }));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

interface Parts {
  readonly fleet: Fleet;
  readonly brokers: SoakBrokers;
  readonly say: (line: string) => void;
}

/** Lets the faults happen; those of one part one after the other, and of one broker at a time. */
export async function disturb(faults: readonly Fault[], parts: Parts): Promise<void> {
  const startedAt = performance.now();
  const busy = new Map<string, Promise<void>>();
  for (const fault of faults) {
    await new Promise((resolve) =>
      setTimeout(resolve, fault.atMs - (performance.now() - startedAt))
    );
    const part = "instance" in fault
      ? `instance ${fault.instance}`
      : "broker" in fault
      ? "brokers"
      : fault.does;
    const before = busy.get(part) ?? Promise.resolve();
    busy.set(
      part,
      before.then(() => {
        const { atMs: _, ...what } = fault;
        const seconds = (performance.now() - startedAt) / 1000;
        parts.say(`${seconds.toFixed(1)} s: ${Object.values(what).join(" ")}, of ${part}`);
        return happen(fault, parts);
      }),
    );
  }
  await Promise.all(busy.values());
}

async function happen(fault: Fault, { fleet: { instances }, brokers }: Parts): Promise<void> {
  if ("broker" in fault) return await brokers[fault.does](fault.broker, fault.forMs);
  if ("instance" in fault) {
    const instance = instances[fault.instance];
    await instance?.[fault.does]();
    return await instance?.ready();
  }
  if ("forMs" in fault) return await brokers.withdraw(fault.forMs);
  for (const instance of instances) {
    await instance.restart();
    await instance.ready();
  }
}
