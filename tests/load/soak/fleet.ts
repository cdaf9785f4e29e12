/** Several instances of the service, each a process that keeps its port when it is started again. */
import { freePort } from "../../_support/network/free_port.ts";
import { startProcess } from "../../_support/service/process.ts";
import { until } from "../../_support/queue.ts";

/** Milliseconds until an instance must be ready, also if its broker is being started. */
const READY_TIMEOUT_MS = 120_000;

export type Fleet = Awaited<ReturnType<typeof startFleet>>;

export type Instance = Awaited<ReturnType<typeof startInstance>>;

async function startInstance(env: Record<string, string>) {
  const port = freePort();
  const ended = Promise.withResolvers<never>();
  let process = await start();
  let asked: Awaited<ReturnType<typeof start>> | undefined;
  let life = 1;

  async function start() {
    const started = await startProcess({ env: { ...env, PORT: String(port) } });
    started.status.then((code) => {
      if (asked === started) return;
      ended.reject(new Error(`An instance ended with ${code}:\n${started.complaints.join("\n")}`));
    });
    return started;
  }

  async function end(signal: Deno.Signal) {
    asked = process;
    life++;
    process.kill(signal);
    const code = await process.status;
    await process[Symbol.asyncDispose]();
    return code;
  }

  return {
    url: `ws://127.0.0.1:${port}/mobile`,
    /** Grows when somebody begins to end its process. */
    life: () => life,
    /** Rejects if it ends by itself. */
    ended: ended.promise,
    ready: () =>
      until("an instance is ready", async () => {
        const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
        await response?.body?.cancel();
        return response?.ok ?? false;
      }, READY_TIMEOUT_MS),
    /** Kills it, and starts it again. */
    async kill() {
      await end("SIGKILL");
      process = await start();
    },
    /** Ends it as an operator does, and starts it again. */
    async restart() {
      const code = await end("SIGTERM");
      if (code !== 0) throw new Error(`A clean end gave exit code ${code}`);
      process = await start();
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
}

/** Starts instances, and waits until all are ready. */
export async function startFleet({ count, env }: {
  count: number;
  env: Record<string, string>;
}) {
  const instances: Instance[] = [];
  for (let i = 0; i < count; i++) instances.push(await startInstance(env));
  await Promise.all(instances.map(({ ready }) => ready()));
  return {
    instances,
    /** The promise, unless an instance ends by itself meanwhile. */
    whileAlive: <T>(promise: Promise<T>): Promise<T> =>
      Promise.race([promise, ...instances.map(({ ended }) => ended)]),
    async [Symbol.asyncDispose]() {
      for (const instance of instances) await instance[Symbol.asyncDispose]();
    },
  };
}
