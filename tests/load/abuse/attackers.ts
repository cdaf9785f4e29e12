/**
 * A process that attacks a service with all the attacks that it is told, at once. It says when all are
 * prepared, begins when it is asked to, and ends when it is asked how often each has struck.
 */
import { answer, childOptions, say } from "../../bench/harness/parent.ts";
import { type AttackName, ATTACKS, type Target } from "./attacks.ts";

/** The options of the process. */
export interface AttackersOptions {
  readonly target: Target;
  readonly attacks: readonly AttackName[];
}

const { target, attacks }: AttackersOptions = childOptions();
const ending = new AbortController();
const strikes: Partial<Record<AttackName, number>> = {};
// The service closes many of their connections.
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());

const prepared = await Promise.all(attacks.map(async (name) => {
  const strike = () => strikes[name] = (strikes[name] ?? 0) + 1;
  strikes[name] = 0;
  return {
    name,
    begin: await ATTACKS[name]({ ...target, signal: ending.signal, strike }),
  };
}));
say({});
await answer(({ end }: { end?: boolean }) => {
  if (end) {
    ending.abort();
    return strikes;
  }
  for (const { name, begin } of prepared) {
    begin().catch((error) => {
      if (ending.signal.aborted) return;
      // deno-lint-ignore no-console
      console.error(`"${name}" has ended:`, error);
    });
  }
  return {};
});
