/** Cases in an order that a seed gives. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { FaultCase } from "./cases.ts";

export function shuffled(cases: readonly FaultCase[], seed: number): FaultCase[] {
  const random = xoroshiro128plus(seed);
  return cases
    .map((faultCase) => ({ faultCase, order: uniformInt(random, 0, 2 ** 31 - 1) }))
    .sort((a, b) => a.order - b.order)
    .map(({ faultCase }) => faultCase);
}

/** The first case of each request with each kind of fault, and some more. */
export function sampleOf(
  cases: readonly FaultCase[],
  { seed, more }: { seed: number; more: number },
): FaultCase[] {
  const kinds = new Map<string, FaultCase>();
  const others: FaultCase[] = [];
  for (const faultCase of shuffled(cases, seed)) {
    const { api, does } = faultCase.fault;
    const kind = `${api} ${does}`;
    if (kinds.has(kind)) others.push(faultCase);
    else kinds.set(kind, faultCase);
  }
  return [...kinds.values(), ...others.slice(0, more)];
}
