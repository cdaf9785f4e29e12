/** Ports for servers that have to know theirs before they start. */

/** Below those that the system gives to outgoing connections. */
const [FIRST, COUNT] = [10_000, 20_000];

/**
 * A port that nothing listens on right now. It is in a range that no outgoing connection of another test
 * uses.
 */
export function freePort(): number {
  for (;;) {
    // Not by Math.random(), which some tests fake.
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    const port = FIRST + random % COUNT;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
