/**
 * Puts the simulation in the place of the platform: clocks, timers, random numbers, HTTP in both
 * directions, and the upgrade to WebSockets.
 */
import type { Loop, Task } from "./loop.ts";
import type { Random } from "./random.ts";

/** What the service finds in place of the network. */
export interface Network {
  fetch(url: string, init: RequestInit): Promise<Response>;
  serve(handler: Deno.ServeHandler<Deno.NetAddr>): Deno.HttpServer<Deno.NetAddr>;
  upgrade(request: Request): Deno.WebSocketUpgrade;
}

const { setImmediate: realSetImmediate } = globalThis;

/** Resolves in the next real turn of the event loop, when all promises are settled. */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => void realSetImmediate(resolve));
}

/** The world that the functions of the platform use at the moment. */
let current: { loop: Loop; random: Random; network: Network } | undefined;

function world() {
  if (!current) throw new Error("No simulation runs");
  return current;
}

let uuids = 0;

/** Begins a simulation: from now on, the platform is its world. */
export function enter(next: NonNullable<typeof current>): void {
  if (!current) install();
  current = next;
  uuids = 0;
}

function install(): void {
  const task = (handle: unknown) => handle as Task | undefined;
  // The functions of Deno and of the Web have more overloads than are used.
  const fakes = {
    setTimeout: (run: () => void, ms = 0) => world().loop.setTimer(ms, run),
    setInterval: (run: () => void, ms = 0) => world().loop.setInterval(ms, run),
    setImmediate: (run: () => void) => world().loop.setImmediate(run),
    clearTimeout: (handle: unknown) => world().loop.clear(task(handle)),
    clearInterval: (handle: unknown) => world().loop.clear(task(handle)),
    fetch: (url: string, init: RequestInit) => world().network.fetch(url, init),
  };
  Object.assign(globalThis, fakes);
  Date.now = () => Math.floor(world().loop.now);
  Math.random = () => world().random.roll("Math.random");
  Object.defineProperty(performance, "now", { value: () => world().loop.now });
  Object.defineProperty(crypto, "randomUUID", {
    value: () => `00000000-0000-4000-8000-${(++uuids).toString(16).padStart(12, "0")}`,
  });
  Object.defineProperties(Deno, {
    serve: {
      value: (_options: unknown, handler: Deno.ServeHandler<Deno.NetAddr>) =>
        world().network.serve(handler),
    },
    upgradeWebSocket: { value: (request: Request) => world().network.upgrade(request) },
    unrefTimer: { value: () => {} },
  });
}
