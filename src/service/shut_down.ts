/**
 * The end of a port.
 */
import { isDoneWithin } from "../util/delay.ts";

/** Milliseconds to wait for a shutdown, which is immediate unless a peer keeps its connection open. */
const SHUTDOWN_MS = 700;

/** Shuts a server down, but does not wait long for its peers. */
export async function shutDown(server: Pick<Deno.HttpServer, "shutdown">): Promise<void> {
  await isDoneWithin(SHUTDOWN_MS, server.shutdown());
}
