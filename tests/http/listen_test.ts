import { setImmediate as nextTurn } from "node:timers/promises";
import { assertEquals } from "@std/assert";
import { type HttpServer, Listener, type ListenOptions } from "../../src/http/listen.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { freePort } from "../_support/network/free_port.ts";
import { until } from "../_support/queue.ts";

type Serve = NonNullable<ListenOptions["serve"]>;

/** What accept can fail with although the next one may succeed (accept(2)), and how the platform says so. */
const ERRORS = {
  EMFILE: "Too many open files (os error 24)",
  ENFILE: "Too many open files in system (os error 23)",
  ECONNABORTED: "Software caused connection abort (os error 103)",
  ENOBUFS: "No buffer space available (os error 105)",
  EPERM: "Operation not permitted (os error 1)",
};

/**
 * Servers that end when a test says so, as they do when accept fails: nothing listens any more. Timeouts
 * pass only by `tick` and `passUntil`.
 */
function startFragile(options: Partial<ListenOptions> = {}) {
  const events: string[] = [];
  const ports: number[] = [];
  let end = (_error?: Error): Promise<void> => Promise.resolve();
  /** How many further starts fail. */
  let refusals = 0;

  const serve: Serve = (given, handler) => {
    ports.push(given.port);
    if (refusals-- > 0) throw new Error(ERRORS.EMFILE);
    const server = Deno.serve({ ...given, onListen() {} }, handler);
    const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
    end = async (error) => {
      await server.shutdown();
      if (error) reject(error);
      else resolve();
    };
    return { addr: server.addr, finished, shutdown: () => server.shutdown() } satisfies HttpServer;
  };
  const listener = new Listener({
    hostname: "127.0.0.1",
    // No connection of another test takes it while nothing listens.
    port: freePort(),
    onDown: (reason) => events.push(`down: ${reason}`),
    onUp: () => events.push("up"),
    serve,
    ...options,
  }, () => new Response("here", { headers: { connection: "close" } }));
  const { port } = listener.address;
  const clock = fakeTimeouts();

  return {
    listener,
    events,
    ports,
    port,
    end: (error?: Error) => end(error),
    refuse: (count: number) => refusals = count,
    tick: (ms: number) => clock.tick(ms),
    /** Lets time pass, 100 ms at once, until a condition holds. */
    passUntil: (what: string, condition: () => boolean) =>
      until(what, () => {
        if (condition()) return true;
        clock.tick(100);
        return false;
      }),
    answer: () => fetch(`http://127.0.0.1:${port}/`).then((response) => response.text()),
    shutdown: () => listener.shutdown(),
    async [Symbol.asyncDispose]() {
      clock[Symbol.dispose]();
      await listener.shutdown();
    },
  };
}

for (const [name, message] of Object.entries(ERRORS)) {
  Deno.test(`after ${name} at accept, the same port is listened on again`, async () => {
    await using fragile = startFragile();
    assertEquals(await fragile.answer(), "here");

    await fragile.end(new Error(`Error: ${message}`));
    await fragile.passUntil("it is up again", () => fragile.events.includes("up"));

    assertEquals(await fragile.answer(), "here");
    assertEquals(fragile.events, [`down: ${message}`, "up"]);
    assertEquals(fragile.ports, [fragile.port, fragile.port]);
  });
}

Deno.test("the port that the system chose is the one that is listened on again", async () => {
  await using fragile = startFragile({ port: 0 });

  await fragile.end(new Error(ERRORS.EMFILE));
  await fragile.passUntil("it is up again", () => fragile.events.includes("up"));

  assertEquals(await fragile.answer(), "here");
  // Once or more: a connection may have taken it meanwhile.
  assertEquals(new Set(fragile.ports), new Set([0, fragile.port]));
});

Deno.test("a server that ends without an error is replaced as well", async () => {
  await using fragile = startFragile();

  await fragile.end();
  await fragile.passUntil("it is up again", () => fragile.events.includes("up"));

  assertEquals(await fragile.answer(), "here");
  assertEquals(fragile.events, ["down: it ended by itself", "up"]);
});

Deno.test("starting again is tried until it succeeds and lasts, and is told once", async () => {
  await using fragile = startFragile();
  fragile.refuse(3);

  await fragile.end(new Error(ERRORS.EMFILE));
  await fragile.passUntil("it listens again", () => fragile.ports.length === 5);
  await fragile.end(new Error(ERRORS.EMFILE));
  await fragile.passUntil("it is up again", () => fragile.events.includes("up"));

  assertEquals(await fragile.answer(), "here");
  assertEquals(fragile.events, [`down: ${ERRORS.EMFILE}`, "up"]);
  assertEquals(fragile.ports.slice(1), Array(5).fill(fragile.port));
});

Deno.test("after a shutdown, nothing listens again", async () => {
  await using fragile = startFragile();
  await fragile.end(new Error(ERRORS.EMFILE));
  await until("it is down", () => fragile.events.length === 1);

  await fragile.shutdown();
  fragile.tick(60_000);
  await nextTurn();

  assertEquals(fragile.ports.length, 1);
  // Another server can have the port now.
  await Deno.serve(
    { hostname: "127.0.0.1", port: fragile.port, onListen() {} },
    () => new Response(),
  ).shutdown();
  assertEquals(fragile.events, [`down: ${ERRORS.EMFILE}`]);
});
