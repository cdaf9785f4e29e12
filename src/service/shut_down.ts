/**
 * The end of a port.
 */
import type { Listener } from "../http/listen.ts";
import { isDoneWithin } from "../util/delay.ts";

/** Milliseconds to wait for a shutdown, which is immediate unless a peer keeps its connection open. */
const SHUTDOWN_MS = 700;

/** Shuts a port down, but does not wait long for its peers. */
export async function shutDown(listener: Pick<Listener, "shutdown">): Promise<void> {
  await isDoneWithin(SHUTDOWN_MS, listener.shutdown());
}
