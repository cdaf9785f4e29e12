import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Pool, type PoolRequest } from "../../../src/backend/places/pool.ts";
import type { Holder } from "../../../src/backend/places/shares.ts";
import { holder } from "../../_support/sessions/caller.ts";

const { signal } = new AbortController();

/** A pool, and what became of requests for its places, by name. */
class Trial {
  readonly pool: Pool;
  /** Names of the requests that got a place, in order. */
  readonly placed: string[] = [];
  readonly refused: string[] = [];
  readonly #leave = new Map<string, () => void>();

  constructor(size: number) {
    this.pool = new Pool(size);
  }

  async enter(name: string, holder: Holder, request: PoolRequest = { signal }): Promise<void> {
    Promise.resolve(this.pool.enter(holder, request)).then((outcome) => {
      if (typeof outcome === "string") return this.refused.push(name);
      this.placed.push(name);
      this.#leave.set(name, outcome);
    });
    await settle();
  }

  async leave(name: string): Promise<void> {
    this.#leave.get(name)?.();
    await settle();
  }

  async fill(count: number, make: (i: number) => Holder): Promise<void> {
    for (let i = 0; i < count; i++) await this.enter(`fill ${i}`, make(i));
  }
}

/** Lets all promises go on that can. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

const ofAddress = (i: number) => holder(`10.0.0.${i}`);

Deno.test("[LIM7] a free place goes to the session that holds fewest, and then to the address", async () => {
  const trial = new Trial(4);
  const busy = holder("10.0.0.1", "user");
  const [same, other] = [holder("10.0.0.1", "user"), holder("10.0.0.2", "user")];
  await trial.fill(4, () => busy);
  await trial.enter("busy", busy);
  await trial.enter("same address", same);
  await trial.enter("other address", other);

  for (let i = 0; i < 3; i++) await trial.leave(`fill ${i}`);

  assertEquals(trial.placed.slice(4), ["other address", "same address", "busy"]);
});

Deno.test("[LIM7] guests have at most half of the places while others wait", async () => {
  const trial = new Trial(4);
  await trial.fill(4, ofAddress);
  await trial.enter("guest", ofAddress(8));
  await trial.enter("user", holder("10.0.0.9", "user"));
  await trial.enter("another user", holder("10.0.0.9", "user"));

  for (let i = 0; i < 3; i++) await trial.leave(`fill ${i}`);

  assertEquals(trial.placed.slice(4), ["user", "another user", "guest"]);
});

Deno.test("[LIM7] guests of one address have at most a tenth of the places while others wait", async () => {
  const trial = new Trial(20);
  // Two of the twenty places are kept.
  await trial.fill(5, () => holder("10.0.0.1"));
  for (let i = 0; i < 13; i++) await trial.enter(`user ${i}`, holder("10.0.0.2", "user"));
  await trial.enter("flood", holder("10.0.0.1"));
  await trial.enter("another guest", holder("10.0.0.3"));

  for (let i = 0; i < 2; i++) await trial.leave(`user ${i}`);

  assertEquals(trial.placed.slice(18), ["another guest", "flood"]);
});

Deno.test("[LIM7] behind any number of logins from one address, a login from another one gets the next place", async () => {
  const trial = new Trial(1000);
  await trial.fill(2050, () => holder("10.0.0.1"));
  assertEquals([trial.pool.inUse, trial.pool.waiting], [900, 1000]);

  await trial.enter("good login", ofAddress(2));
  await trial.leave("fill 0");

  assertEquals(trial.placed.at(-1), "good login");
});

Deno.test("[LIM7] a tenth of the places is for revalidations and for reloads of users", async () => {
  const trial = new Trial(10);
  await trial.fill(12, (i) => holder(`10.0.0.${i}`, "user"));
  assertEquals([trial.pool.inUse, trial.pool.waiting], [9, 3]);

  await trial.enter("kept", holder("10.0.0.1", "kept"));
  await trial.enter("kept later", holder("10.0.0.1", "kept"));
  await trial.leave("kept");

  assertEquals(trial.placed.slice(9), ["kept", "kept later"]);
});

Deno.test("[LIM7] revalidations that have their tenth of the places do not keep logins from the others", async () => {
  const trial = new Trial(100);
  for (let i = 0; i < 300; i++) await trial.enter(`kept ${i}`, holder(`10.0.1.${i}`, "kept"));
  for (let i = 0; i < 20; i++) await trial.enter(`login ${i}`, ofAddress(i));
  assertEquals([trial.pool.inUse, trial.pool.waiting], [100, 220]);

  for (let i = 0; i < 40; i++) await trial.leave(`kept ${i}`);

  assertEquals(trial.placed.slice(100).filter((name) => name.startsWith("login")).length, 20);
});

Deno.test("[LIM7] a revalidation waits, also if users fill the queue", async () => {
  const trial = new Trial(10);
  await trial.fill(20, (i) => holder(`10.0.0.${i}`, "user"));
  await trial.enter("kept", holder("10.0.0.1", "kept"));
  for (const name of ["kept 2", "kept 3"]) await trial.enter(name, holder("10.0.0.1", "kept"));

  await trial.leave("kept");

  assertEquals(trial.placed.at(-1), "kept 2");
  assertEquals(trial.refused, ["fill 19"]);
});

Deno.test("[LIM7] a request that waits takes the better place of those who want it", async () => {
  const trial = new Trial(4);
  await trial.fill(4, ofAddress);
  const request = { signal };
  await trial.enter("guest", ofAddress(8));
  await trial.enter("shared", ofAddress(9), request);
  trial.pool.join(holder("10.0.0.7", "user"), request);
  trial.pool.join(ofAddress(6), request);

  await trial.leave("fill 0");
  assertEquals(trial.placed.slice(4), ["shared"]);
  await trial.leave("shared");
  assertEquals(trial.placed.slice(4), ["shared", "guest"]);
});

Deno.test("[LIM7] in a full queue, a request of those with more than their part makes room", async () => {
  const trial = new Trial(10);
  await trial.fill(9, () => holder("10.0.0.9", "user"));
  for (let i = 0; i < 10; i++) await trial.enter(`flood ${i}`, holder("10.0.0.1"));
  await trial.enter("more flood", holder("10.0.0.1"));
  await trial.enter("user", holder("10.0.0.2", "user"));
  await trial.enter("guest", holder("10.0.0.3"));

  assertEquals(trial.refused, ["more flood", "flood 9", "flood 8"]);
  assertEquals(trial.pool.waiting, 10);
});

Deno.test("[LIM7] in a full queue, a request of the session that waits most often makes room for one that waits less often", async () => {
  const trial = new Trial(20);
  const [busy, other] = [holder("10.0.0.1", "user"), holder("10.0.0.2", "user")];
  await trial.fill(18, () => holder("10.0.0.9", "user"));
  for (let i = 0; i < 8; i++) await trial.enter(`other ${i}`, other);
  for (let i = 0; i < 12; i++) await trial.enter(`busy ${i}`, busy);

  await trial.enter("user", holder("10.0.0.3", "user"));
  await trial.enter("login", holder("10.0.0.4"));
  await trial.enter("more of other", other);
  await trial.enter("more of busy", busy);

  assertEquals(trial.refused, ["busy 11", "busy 10", "busy 9", "more of busy"]);
  assertEquals(trial.pool.waiting, 20);
});

Deno.test("[LIM7] in a full queue, a login that has no more than its part stays, also if a user sends more", async () => {
  const trial = new Trial(10);
  const busy = holder("10.0.0.1", "user");
  await trial.fill(19, () => busy);
  await trial.enter("login", holder("10.0.0.2"));
  await trial.enter("more of busy", busy);

  assertEquals(trial.refused, ["fill 18", "more of busy"]);
});

Deno.test("[LIM7] in a full queue of which guests have half, a guest of another address takes the place of one of them", async () => {
  const trial = new Trial(20);
  const busy = holder("10.0.0.9", "user");
  await trial.fill(28, () => busy);
  for (let i = 0; i < 10; i++) await trial.enter(`guest ${i}`, ofAddress(i % 5));
  await trial.enter("login", ofAddress(6));

  assertEquals(trial.refused, ["guest 9"]);
});

Deno.test("[LIM7] in a full queue of sessions of one address, a session of another one has room, until both wait as often", async () => {
  const trial = new Trial(4);
  await trial.fill(8, () => holder("10.0.0.1", "user"));
  for (let i = 0; i < 3; i++) await trial.enter(`user ${i}`, holder("10.0.0.2", "user"));
  await trial.enter("more", holder("10.0.0.1", "user"));

  assertEquals(trial.refused, ["fill 7", "fill 6", "user 2", "more"]);
});

Deno.test("[LIM7] one user with many sessions of many requests keeps no other user from the next free place", async () => {
  for (const [sessions, requests] of [[13, 16], [190, 1], [130, 1], [300, 1]] as const) {
    const trial = new Trial(100);
    const askers = Array.from({ length: sessions }, () => holder("10.0.0.1", "user"));
    await trial.fill(sessions * requests, (i) => askers[i % sessions] ?? holder());
    await trial.enter("user", holder("10.0.0.2", "user"));

    await trial.leave("fill 0");

    assertEquals(trial.placed.slice(90), ["user"], `${sessions} sessions`);
  }
});

Deno.test("[LIM7] behind many sessions that hold places, one that holds none comes first, also of the busiest address", async () => {
  const trial = new Trial(100);
  const busy = Array.from({ length: 90 }, (_, i) => holder(`10.0.0.${i % 50}`, "user"));
  // The last one has nothing more that waits.
  await trial.fill(179, (i) => busy[i % 90] ?? holder());
  await trial.enter("user", holder("10.0.0.1", "user"));

  await trial.leave("fill 89");

  assertEquals(trial.placed.slice(90), ["user"]);
});

Deno.test("[LIM7] a session of a busy address has its turn, although sessions of new addresses keep coming", async () => {
  const trial = new Trial(4);
  await trial.fill(6, () => holder("10.0.0.1", "user"));
  for (let i = 0; i < 12; i++) {
    await trial.enter(`new ${i}`, holder(`10.0.1.${i}`, "user"));
    await trial.leave(trial.placed[i] ?? "");
  }

  const turns = ["fill 4", "fill 5"].map((name) => trial.placed.indexOf(name) - 4);
  assert(turns.every((turn) => turn >= 0 && turn < 12), `${turns}`);
  assertEquals(trial.refused, []);
});

Deno.test("[BCK3] whatever happens, no limit is exceeded, and each request ends", async () => {
  const kind = fc.constantFrom("guest", "user", "kept");
  const step = fc.oneof(
    fc.record({ enter: fc.record({ asker: fc.nat(5), address: fc.nat(3), kind }) }),
    fc.record({ leave: fc.nat() }),
    fc.record({ abort: fc.nat() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 25 }), fc.array(step), async (size, steps) => {
      const pool = new Pool(size);
      const askers = Array.from({ length: 6 }, () => ({}));
      const held: (() => void)[] = [];
      const aborts: AbortController[] = [];
      let open = 0;
      // These always have room in the queue.
      let kept = 0;
      for (const step of steps) {
        if ("enter" in step) {
          const { asker, address, kind } = step.enter;
          const abort = new AbortController();
          aborts.push(abort);
          open++;
          if (kind === "kept") kept++;
          Promise.resolve(pool.enter(
            { asker: askers[asker] ?? {}, address: String(address), kind } as Holder,
            { signal: abort.signal },
          )).then((outcome) => {
            if (typeof outcome === "string") open--;
            else held.push(outcome);
          });
        } else if ("leave" in step) {
          const [leave] = held.splice(step.leave % Math.max(1, held.length), 1);
          if (leave) open--;
          leave?.();
        } else {
          aborts[step.abort % Math.max(1, aborts.length)]?.abort();
        }
        await settle();
        assert(pool.inUse <= size && pool.waiting <= size + kept, `${pool.inUse}, ${pool.waiting}`);
        assertEquals(pool.inUse + pool.waiting, open);
      }
      for (let leave = held.pop(); leave; leave = held.pop()) {
        open--;
        leave();
        await settle();
      }
      assertEquals([pool.inUse, pool.waiting, open], [0, 0, 0]);
    }),
  );
});
