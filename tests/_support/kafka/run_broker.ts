/** The broker of a run of tests or benchmarks. */
import { type Broker, onFreePorts, startBroker } from "./broker.ts";
import { findKafka, HOW_TO_GET_KAFKA } from "./distribution.ts";

/**
 * The broker that KAFKA_BROKERS names, which is left alone at the end, or one that is started.
 *
 * @param ignored The work that does not run without a broker, as the subject of the message about it
 * @returns `null` if there is no broker
 * @throws {Error} There is no broker, in CI
 */
export async function runBroker(ignored: string): Promise<Broker | null> {
  const address = Deno.env.get("KAFKA_BROKERS");
  if (address) return { address, [Symbol.asyncDispose]: () => Promise.resolve() };
  const distribution = await findKafka();
  if (distribution) return await onFreePorts(() => startBroker(distribution));
  if (Deno.env.get("CI") === "true") throw new Error(HOW_TO_GET_KAFKA);
  // deno-lint-ignore no-console
  console.error(`${HOW_TO_GET_KAFKA}: ${ignored} ignored`);
  return null;
}
