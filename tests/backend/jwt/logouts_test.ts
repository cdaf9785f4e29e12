import { assertEquals } from "@std/assert";
import type { Jwts } from "../../../src/backend/jwt/jwts.ts";
import { Logouts } from "../../../src/backend/jwt/logouts.ts";
import { Tokens } from "../../../src/backend/tokens.ts";
import { holder } from "../../_support/sessions/caller.ts";

const NOW = Math.floor(Date.now() / 1000);

Deno.test("[AUTH8] a token counts if it was issued after the second of the latest logout", () => {
  const logouts = new Logouts({ keptSeconds: 100 });
  logouts.note("42", NOW * 1000 + 700);
  logouts.note("42", (NOW - 50) * 1000);

  assertEquals(logouts.judge("42", NOW - 1), "logged out");
  assertEquals(logouts.judge("42", NOW), "logged out");
  assertEquals(logouts.judge("42", NOW + 0.9), "logged out");
  assertEquals(logouts.judge("42", NOW + 1), "counts");
  assertEquals(logouts.judge("43", NOW), "counts");
});

Deno.test("[AUTH8] a logout is forgotten when no token from before it can be valid", () => {
  const logouts = new Logouts({ keptSeconds: 100 });
  logouts.note("42", (NOW - 200) * 1000);
  logouts.note("43", NOW * 1000);

  assertEquals(logouts.judge("42", NOW - 300), "counts");
});

Deno.test("[AUTH8] if too many logouts are kept, older tokens can't be judged, but are not accepted", () => {
  const logouts = new Logouts({ keptSeconds: 1000 });
  const long = "x".repeat(4 * 1024 * 1024);
  for (let i = 0; i < 6; i++) logouts.note(`${i}${long}`, (NOW - 100 + i) * 1000);

  assertEquals(logouts.judge(`0${long}`, NOW - 101), "unknown");
  assertEquals(logouts.judge("42", NOW - 101), "unknown");
  assertEquals(logouts.judge(`5${long}`, NOW - 95), "logged out");
  assertEquals(logouts.judge("42", NOW - 95), "counts");
});

Deno.test("[AUTH8][KAF5] a logout at any moment of a login with a JWT leaves nobody logged in", async () => {
  for (let moment = 0; moment < 12; moment++) {
    const judged = { verdict: "ok", user: "42", issuedAt: 1, expiresAt: Date.now() + 60_000 };
    const jwts = {
      logouts: new Logouts({ keptSeconds: 1e10 }),
      judge: () => Promise.resolve(judged),
    } as unknown as Jwts;
    const backend: ConstructorParameters<typeof Tokens>[0] = {
      ask: () => Promise.reject(new Error("It is not asked")),
      shareNoMore() {},
    };
    const tokens = new Tokens(backend, { cacheMs: 10_000, jwts });
    let loggedIn = false;
    const { signal } = new AbortController();
    const use = () => loggedIn = true;
    const login = tokens.identify("jwt", { signal, holder: holder(), use });

    for (let i = 0; i < moment; i++) await Promise.resolve();
    tokens.forget("42", Date.now());
    // A session that is logged in by then is found by the logout itself.
    const isFound = loggedIn;
    await login;

    assertEquals(loggedIn, isFound, `moment ${moment}`);
  }
});
