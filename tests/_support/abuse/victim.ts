/** A service that is attacked, and a well-behaved client that must not notice it. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { startChild } from "../../bench/harness/child.ts";
import type { Settings } from "../../../src/settings/settings.ts";
import { connect } from "../clients/client.ts";
import { encodeBatch } from "../kafka/batches.ts";
import { startBackend } from "../service/backend.ts";
import type { Measured, SubjectOptions, SubjectQuestion } from "./subject.ts";

const KIB = 1024;
const LIST = { where: { types: [] } };
/** Milliseconds that a turn may take besides: the platform counts CPU in steps of 10 ms. */
const TURN_MS = 50;
/** Bytes that may be kept without a reason: V8 compiles code now and then. */
const SLACK_BYTES = 2048 * KIB;
/** Milliseconds after which the service knows that a client is gone, and has forgotten it. */
const GONE_MS = 5000;
/** Milliseconds after which a failure is not made smaller any more. */
const SHRINK_MS = 60_000;

/** What a hostile input may cost. */
export interface Budget {
  /** How many times what parsing the largest text takes a turn may take. */
  readonly parses: number;
  /** Bytes that may be kept while its client is connected, beside some slack. */
  readonly keptBytes: number;
  /** Bytes that may be kept when its client is gone. */
  readonly leftBytes: number;
  /** Bytes by which the memory of the process may grow for a while. */
  readonly mostBytes: number;
}

export type Victim = Awaited<ReturnType<typeof startVictim>>;

/** Starts it in a process of its own; `maxBytes` are those that the service may parse in one piece. */
export async function startVictim(
  { settings, maxBytes }: { settings: Partial<Settings>; maxBytes: number },
) {
  await using stack = new AsyncDisposableStack();
  const backend = stack.use(startBackend({ users: { alice: "42", mallory: "66" } }));
  const options: SubjectOptions = { origin: backend.origin, settings, maxBytes };
  const child = stack.use(startChild(import.meta.resolve("./subject.ts"), options));
  const { port, parseMs } = await child.next();
  const url = `ws://127.0.0.1:${port}`;
  const good = stack.use(await connect(`${url}/web`, { token: "alice" }));
  await good.request("getMyNotifications", LIST);
  const file = await Deno.makeTempFile();
  stack.defer(() => Deno.remove(file));
  let pushes = 0;
  const resources = stack.move();

  const ask = (question: SubjectQuestion) => child.ask(question);
  const read = async (batch: Uint8Array) => {
    await Deno.writeFile(file, batch);
    await ask({ read: file });
  };
  /** The well-behaved client gets its reply, and its push; a reload may come before it. */
  const assertServed = async () => {
    const { status, payload } = await good.request("getMyNotificationsCount", {
      ...LIST,
      status: "read",
    });
    assertEquals({ status, payload }, { status: "ok", payload: { total: 3 } });
    const data = `push ${++pushes}`;
    const document = { userId: "42", type: "a", data };
    const value = new TextEncoder().encode(JSON.stringify({ type: "notification", document }));
    await read(encodeBatch([{ value }]));
    for (let frame = await good.next(); frame.payload !== data; frame = await good.next()) {
      assert(frame.status === "reload", JSON.stringify(frame));
    }
  };
  const assertWithin = (measured: Measured, { parses, keptBytes, mostBytes }: Budget) => {
    const mostMs = parses * parseMs + TURN_MS;
    const { longestTurnMs } = measured;
    assert(longestTurnMs <= mostMs, `a turn took ${longestTurnMs} ms of CPU, more than ${mostMs}`);
    const kept = measured.keptBytes;
    assert(kept <= keptBytes + SLACK_BYTES, `${kept} bytes were kept, expected ${keptBytes}`);
    const most = measured.mostBytes;
    assert(most <= mostBytes, `memory grew by ${most} bytes, expected ${mostBytes}`);
  };

  return {
    url,
    backend,
    /** Has the service read a batch. */
    read,
    /**
     * Attacks it, and checks that the client is served, what the attack has cost until `release` was
     * called, and that nothing is left behind then.
     */
    async survives(budget: Budget, attack: () => Promise<() => Promise<void>>): Promise<void> {
      await ask({ begin: true });
      const release = await attack();
      await assertServed();
      const during: Measured = await ask({ measure: true });
      await release();
      await assertServed();
      let after: Measured = await ask({ measure: true });
      // The service may learn only a little later that the client is gone.
      const deadlineAt = performance.now() + GONE_MS;
      while (after.keptBytes > budget.leftBytes + SLACK_BYTES && performance.now() < deadlineAt) {
        after = await ask({ measure: true });
      }
      assertWithin(during, budget);
      assertWithin(after, { ...budget, keptBytes: budget.leftBytes });
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Tries a property with random attacks. A failure tells the seed, which SEED repeats, and the smallest attack. */
export async function tryAttacks<T>(
  attacks: fc.Arbitrary<T>,
  { runs, examples, attack }: {
    runs: number;
    /** Attacks that are always tried. */
    examples: readonly T[];
    attack: (attack: T) => Promise<void>;
  },
): Promise<void> {
  const seed = Deno.env.get("SEED");
  await fc.assert(fc.asyncProperty(attacks, attack), {
    numRuns: runs,
    examples: examples.map((example) => [example] as [T]),
    interruptAfterTimeLimit: SHRINK_MS,
    ...seed === undefined ? {} : { seed: Number(seed) },
  });
}
