import { assertEquals } from "@std/assert";
import { type FakeClock, fakeServiceClock } from "../_support/clock.ts";
import type { Client } from "../_support/clients/client.ts";
import { until } from "../_support/queue.ts";
import { startWss, type Wss } from "../_support/service/wss.ts";

const PERIOD_MS = 300_000;
/** By then the next check of a session is due, whatever its share of chance is. */
const NEXT_MS = 1.1 * PERIOD_MS + 1000;
const NEXT_ODD_MS = NEXT_MS / 10 + 1000;

type Answer = () => Response;

const OK: Answer = () => Response.json({ id: "42" });
const status = (status: number, body: string | null = null): Answer => () =>
  new Response(body, { status, headers: status === 302 ? { location: "/login" } : {} });
const body = (text: string): Answer => () => new Response(text);

const ODD: Readonly<Record<string, Answer>> = {
  "404": status(404),
  "404 with JSON": status(404, '{"message":"unknown"}'),
  "400": status(400, "<html>"),
  "410": status(410),
  "422": status(422, "{}"),
  "a redirect to a login page": status(302),
  "a redirect with JSON": status(302, '{"id":"42"}'),
  "no id": body("{}"),
  "id null": body('{"id":null}'),
  "HTML": body("<html>Log in</html>"),
  "nothing": body(""),
  "no content": status(204),
  "an array": body('[{"id":"42"}]'),
  "too much": body(`{"id":"42","filler":"${"x".repeat(20_000)}"}`),
};
const OUTAGES: Readonly<Record<string, Answer>> = Object.fromEntries(
  [408, 425, 429, 500, 501].map((code) => [code, status(code)]),
);
const odd = ODD["404"] as Answer;

/** Alice is logged in, and her token is checked; others log in and out. */
class Trial {
  readonly wss: Wss;
  readonly clock: FakeClock;
  readonly alice: Client;
  readonly #others: Client;

  constructor(
    { wss, clock, alice, others }: Pick<Trial, "wss" | "clock" | "alice"> & { others: Client },
  ) {
    this.wss = wss;
    this.clock = clock;
    this.alice = alice;
    this.#others = others;
  }

  /** Moves the clock until her token is checked, and waits until the answer has been judged. */
  async check(answer: Answer, { afterMs }: { afterMs: number }): Promise<void> {
    const { wss, clock } = this;
    wss.backend.on("GET /user", answer);
    wss.backend.forget();
    clock.tick(afterMs);
    assertEquals((await wss.backend.nextCall()).authorization, "alice");
    await until("it is judged", () => wss.service.revalidation.size === this.users);
  }

  /** Sessions with a user, whose next check is scheduled. */
  get users(): number {
    return [...this.wss.service.sessions].filter(({ user }) => user !== null).length;
  }

  /** Somebody tries to log in. */
  async login(token: string, answer: Answer): Promise<void> {
    this.wss.backend.on("GET /user", answer);
    await this.#others.request("authentication", { authToken: token });
    await this.#others.request("authentication");
  }

  async isLoggedIn(): Promise<boolean> {
    const { status } = await this.alice.request("getMyNotificationsCount", {
      where: { types: [] },
      status: "read",
    });
    return status === "ok";
  }

  /** Nothing is asked for the rest of this time. */
  async isQuietFor(ms: number): Promise<boolean> {
    this.wss.backend.forget();
    this.clock.tick(ms);
    await this.alice.pushesUntilIdle();
    return this.wss.backend.calls.length === 0;
  }
}

function trial(name: string, run: (trial: Trial) => Promise<void>): void {
  Deno.test(name, async () => {
    using clock = fakeServiceClock();
    await using wss = await startWss({
      settings: {
        AUTH_REVALIDATE_SECONDS: PERIOD_MS / 1000,
        AUTH_CACHE_SECONDS: 0,
        IDLE_GUEST_SECONDS: 86_400,
        MAX_BACKEND_BYTES: 10_000,
      },
    });
    await using alice = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    await using others = await wss.connect("/web", { protocols: ["wss.v1"] });
    await run(new Trial({ wss, clock, alice, others }));
  });
}

for (const [what, answer] of Object.entries(ODD)) {
  trial(
    `[AUTH6] three times ${what} is a refusal if another token is ok meanwhile`,
    async (trial) => {
      await trial.check(answer, { afterMs: NEXT_MS });
      await trial.login("bob", () => Response.json({ id: "43" }));
      await trial.check(answer, { afterMs: NEXT_ODD_MS });
      assertEquals(await trial.isLoggedIn(), true);
      await trial.check(answer, { afterMs: NEXT_ODD_MS });

      assertEquals(await trial.alice.next(), {
        rid: -1,
        event: "authentication",
        status: "unauthorized",
        payload: null,
      });
      assertEquals(await trial.isLoggedIn(), false);
      assertEquals(trial.wss.service.revalidation.size, 0);
    },
  );

  trial(
    `[AUTH6] three times ${what} is an outage if others are answered so as well`,
    async (trial) => {
      await trial.login("bob", OK);
      await trial.check(answer, { afterMs: NEXT_MS });
      await trial.login("bob", answer);
      await trial.check(answer, { afterMs: NEXT_ODD_MS });
      await trial.check(answer, { afterMs: NEXT_ODD_MS });

      assertEquals(await trial.isLoggedIn(), true);
    },
  );
}

for (const [what, answer] of Object.entries(OUTAGES)) {
  trial(
    `[AUTH6] ${what} is an outage, however often it comes, and begins a new row`,
    async (trial) => {
      const works = () => trial.login("bob", () => Response.json({ id: "43" }));
      for (let i = 0; i < 4; i++) {
        await trial.check(answer, { afterMs: NEXT_MS });
        await works();
      }
      for (const afterMs of [NEXT_MS, NEXT_ODD_MS]) await trial.check(odd, { afterMs });
      await works();
      await trial.check(answer, { afterMs: NEXT_ODD_MS });
      for (const afterMs of [NEXT_MS, NEXT_ODD_MS]) await trial.check(odd, { afterMs });

      assertEquals(await trial.isLoggedIn(), true);
    },
  );
}

for (const [what, answer] of Object.entries({ "401": status(401), "500": status(500), odd })) {
  trial(
    `[AUTH6] if another token's answer is ${what} meanwhile, three odd answers are an outage`,
    async (trial) => {
      await trial.login("bob", OK);
      await trial.check(odd, { afterMs: NEXT_MS });
      await trial.check(odd, { afterMs: NEXT_ODD_MS });
      await trial.login("bob", answer);
      await trial.check(odd, { afterMs: NEXT_ODD_MS });

      assertEquals(await trial.isLoggedIn(), true);
      // The next check comes after a whole period, and begins a new row.
      assertEquals(await trial.isQuietFor(0.8 * PERIOD_MS), true);
      await trial.check(odd, { afterMs: 0.3 * PERIOD_MS + 1000 });
      await trial.check(odd, { afterMs: NEXT_ODD_MS });
      assertEquals(await trial.isLoggedIn(), true);
    },
  );
}

trial(
  "[AUTH6] if no other token was asked about, one that was ok within the period counts",
  async (trial) => {
    trial.clock.tick(0.7 * PERIOD_MS);
    await trial.login("bob", OK);
    await trial.check(odd, { afterMs: 0.4 * PERIOD_MS + 1000 });
    for (let i = 0; i < 2; i++) await trial.check(odd, { afterMs: NEXT_ODD_MS });

    assertEquals((await trial.alice.next()).status, "unauthorized");
  },
);

trial(
  "[AUTH6] if no other token was ok within the period, three odd answers are an outage",
  async (trial) => {
    await trial.login("bob", OK);
    await trial.check(odd, { afterMs: NEXT_MS });
    for (let i = 0; i < 2; i++) await trial.check(odd, { afterMs: NEXT_ODD_MS });

    assertEquals(await trial.isLoggedIn(), true);
  },
);

trial("[AUTH6] if nobody else ever asked, three odd answers are an outage", async (trial) => {
  await trial.check(odd, { afterMs: NEXT_MS });
  for (let i = 0; i < 2; i++) await trial.check(odd, { afterMs: NEXT_ODD_MS });

  assertEquals(await trial.isLoggedIn(), true);
});

trial("[AUTH6] an ok answer for the same token says nothing of others", async (trial) => {
  await trial.check(odd, { afterMs: NEXT_MS });
  await trial.check(odd, { afterMs: NEXT_ODD_MS });
  await trial.login("alice", OK);
  await trial.check(odd, { afterMs: NEXT_ODD_MS });

  assertEquals(await trial.isLoggedIn(), true);
});

trial("[AUTH6] an ok answer begins a new row", async (trial) => {
  const works = () => trial.login("bob", () => Response.json({ id: "43" }));
  for (const afterMs of [NEXT_MS, NEXT_ODD_MS]) await trial.check(odd, { afterMs });
  await works();
  await trial.check(OK, { afterMs: NEXT_ODD_MS });
  // After an ok answer, the next check comes after a whole period.
  for (const afterMs of [NEXT_MS, NEXT_ODD_MS]) await trial.check(odd, { afterMs });
  await works();

  assertEquals(await trial.isLoggedIn(), true);
  await trial.check(odd, { afterMs: NEXT_ODD_MS });
  assertEquals((await trial.alice.next()).status, "unauthorized");
});

trial("[AUTH6] a new token begins a new row", async (trial) => {
  for (const update of [true, false]) {
    for (const afterMs of [NEXT_MS, NEXT_ODD_MS]) await trial.check(odd, { afterMs });
    trial.wss.backend.on("GET /user", OK);
    await trial.alice.request("authentication", { authToken: "alice", update });
    await trial.login("bob", () => Response.json({ id: "43" }));
    for (const afterMs of [NEXT_MS, NEXT_ODD_MS]) await trial.check(odd, { afterMs });
    assertEquals(await trial.isLoggedIn(), true);
    await trial.check(OK, { afterMs: NEXT_ODD_MS });
  }
});

trial("[AUTH6] 401 and 403 are refusals at once, also if nobody else asks", async (trial) => {
  for (const code of [401, 403]) {
    for (const text of [null, "{}", "<html>", `"${"x".repeat(20_000)}"`]) {
      trial.wss.backend.reset("GET /user");
      await trial.alice.request("authentication", { authToken: "alice" });
      await trial.check(status(code, text), { afterMs: NEXT_MS });
      assertEquals((await trial.alice.next()).status, "unauthorized", `${code} ${text}`);
    }
  }
});
