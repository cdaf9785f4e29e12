import { assert, assertEquals } from "@std/assert";
import { exportSPKI, SignJWT, UnsecuredJWT } from "jose";
import { Jwts, type JwtSettings } from "../../../src/backend/jwt/jwts.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { fakePerformance } from "../../_support/clock.ts";
import { freePort } from "../../_support/network/free_port.ts";
import { startSilentServer } from "../../_support/network/silent_server.ts";
import { until } from "../../_support/queue.ts";
import { type Issuer, startIssuer } from "../../_support/service/issuer.ts";
import { testSettings } from "../../_support/service/settings.ts";

function createJwts({ url }: Pick<Issuer, "url">, settings: Partial<JwtSettings> = {}): Jwts {
  return new Jwts(url, testSettings("http://127.0.0.1", settings), createMetrics());
}

/** The id of the key with which a token is signed. */
function kidOf(token: string): string {
  return JSON.parse(atob(token.split(".")[0] ?? "")).kid;
}

/** What is said of a token: the user, or why there is none. */
async function judged(jwts: Jwts, token: string): Promise<string> {
  const said = await jwts.judge(token);
  return said.verdict === "ok" ? `user ${said.user}` : said.verdict;
}

for (
  const alg of [
    ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
    ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
  ]
) {
  Deno.test(`[AUTH8] a token that is signed with ${alg} is verified by the key set`, async () => {
    await using issuer = await startIssuer({ alg });
    const jwts = createJwts(issuer);
    const token = await issuer.token("42");
    const [head, , signature] = token.split(".");
    const [, payload] = (await issuer.token("43")).split(".");

    assertEquals(await judged(jwts, token), "user 42");
    assertEquals(await judged(jwts, `Bearer ${token}`), "user 42");
    assertEquals(await judged(jwts, `${head}.${payload}.${signature}`), "refused");
    assertEquals(issuer.fetches, 1);
  });
}

Deno.test("[AUTH8] a token that uses the public key as a secret, or no signature, is not accepted", async () => {
  await using issuer = await startIssuer({ alg: "RS256" });
  const jwts = createJwts(issuer);
  const kid = await issuer.addKey();
  const claims = { sub: "42", iat: Date.now() / 1000, exp: Date.now() / 1000 + 60 };
  const secret = new TextEncoder().encode(await exportSPKI(issuer.pair(kid).publicKey));
  const confused = (header: object) =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header }).sign(secret);
  const unsigned = new UnsecuredJWT(claims).encode();
  const unsignedWithKey = [
    btoa(JSON.stringify({ alg: "none", kid })).replaceAll("=", ""),
    unsigned.split(".")[1],
    "",
  ].join(".");

  assertEquals(await judged(jwts, await confused({ kid })), "refused");
  assertEquals(await judged(jwts, unsignedWithKey), "refused");
  // Their keys are not known, so the user API may know more. It gets the token unchanged.
  assertEquals(await judged(jwts, await confused({})), "unknown");
  assertEquals(await judged(jwts, await confused({ kid: "other" })), "unknown");
  assertEquals(await judged(jwts, unsigned), "unknown");
});

Deno.test("[AUTH8] exp and nbf count with 30 s of leeway", async () => {
  await using issuer = await startIssuer();
  const jwts = createJwts(issuer);
  const now = Date.now();
  const expired = (seconds: number) =>
    issuer.token("42", { at: now - 100_000, forSeconds: 100 - seconds });
  const early = (seconds: number) =>
    issuer.token("42", { claims: { nbf: Math.floor(now / 1000) + seconds } });

  assertEquals(await judged(jwts, await expired(25)), "user 42");
  assertEquals(await judged(jwts, await expired(31)), "refused");
  assertEquals(await judged(jwts, await early(29)), "user 42");
  assertEquals(await judged(jwts, await early(40)), "refused");
});

Deno.test("[AUTH8] issuer and audience count if they are set", async () => {
  await using issuer = await startIssuer();
  const strict = createJwts(issuer, { AUTH_JWT_ISSUER: "us", AUTH_JWT_AUDIENCE: "wss" });
  const lax = createJwts(issuer);
  for (
    const [claims, isRight] of [
      [{ iss: "us", aud: "wss" }, true],
      [{ iss: "us", aud: ["other", "wss"] }, true],
      [{ iss: "them", aud: "wss" }, false],
      [{ iss: "us", aud: "other" }, false],
      [{ iss: "us" }, false],
      [{ aud: "wss" }, false],
      [{}, false],
    ] as const
  ) {
    const token = await issuer.token("42", { claims });
    const text = JSON.stringify(claims);
    assertEquals(await judged(strict, token), isRight ? "user 42" : "refused", text);
    assertEquals(await judged(lax, token), "user 42", text);
  }
});

Deno.test("[AUTH8] what is no such token is left to the user API, or refused with AUTH_JWT_ONLY", async () => {
  await using issuer = await startIssuer();
  const jwts = createJwts(issuer);
  const only = createJwts(issuer, { AUTH_JWT_ONLY: true });
  const iat = Math.floor(Date.now() / 1000);
  const others = [
    "opaque",
    "",
    "a.b.c",
    "Bearer",
    "Bearer opaque",
    `${btoa("{}")}.${btoa("{}")}.x`,
    await issuer.token("42", { claims: { iat: undefined } }),
    await issuer.token("42", { claims: { exp: undefined } }),
    await issuer.token("42", { claims: { iat: "now" } }),
    await issuer.token("42", { forSeconds: 86_401 }),
    await issuer.token("42", { claims: { iat, exp: 1e300 } }),
    await issuer.token("x".repeat(20_000)),
  ];
  for (const token of others) {
    assertEquals(await judged(jwts, token), "unknown", token.slice(0, 80));
    assertEquals(await judged(only, token), "refused", token.slice(0, 80));
  }
  assertEquals(issuer.fetches, 0);
});

Deno.test("[AUTH8][AUTH5] the user is a usable id in the claim", async () => {
  await using issuer = await startIssuer();
  const jwts = createJwts(issuer);
  const byMail = createJwts(issuer, { AUTH_JWT_USER_CLAIM: "mail" });
  for (const [id, user] of [["42", "42"], [42, "42"], ["a b", "a b"], [0, "0"]] as const) {
    assertEquals(await judged(jwts, await issuer.token(id)), `user ${user}`);
    const token = await issuer.token("1", { claims: { mail: id } });
    assertEquals(await judged(byMail, token), `user ${user}`);
  }
  for (const id of [undefined, null, "", 1.5, 2 ** 53, true, ["42"], { id: "42" }]) {
    const token = await issuer.token(undefined, { claims: { sub: id } });
    assertEquals(await judged(jwts, token), "refused", JSON.stringify(id));
  }
});

Deno.test("[AUTH8] an unknown key id fetches the keys again, at most once in 30 s", async () => {
  await using issuer = await startIssuer();
  using clock = fakePerformance();
  const jwts = createJwts(issuer);
  const only = createJwts(issuer, { AUTH_JWT_ONLY: true });
  const old = await issuer.token("42");
  for (const one of [jwts, only]) assertEquals(await judged(one, old), "user 42");
  const hidden = await issuer.addKey({ isPublished: false });
  const token = await issuer.token("42");

  clock.tick(29_000);
  for (let i = 0; i < 10; i++) assertEquals(await judged(jwts, token), "unknown");
  const answer = await only.judge(token);
  assertEquals(answer, { verdict: "unavailable", retryAfterMs: 1000 });
  assertEquals(issuer.fetches, 2);
  await issuer.publish(hidden);
  clock.tick(1001);
  for (const one of [jwts, only]) assertEquals(await judged(one, token), "user 42");
  assertEquals(issuer.fetches, 4);
});

Deno.test("[AUTH8] keys rotate under load without one refused login", async () => {
  await using issuer = await startIssuer();
  using clock = fakePerformance();
  const jwts = createJwts(issuer, { AUTH_JWT_ONLY: true });
  const [first] = [await issuer.token("1")];
  assertEquals(await judged(jwts, first), "user 1");
  for (let rotation = 0; rotation < 3; rotation++) {
    clock.tick(31_000);
    const before = await issuer.token("before");
    await issuer.addKey();
    const after = await issuer.token("after");
    const said = await Promise.all(
      Array.from({ length: 300 }, (_, i) => judged(jwts, i % 2 === 0 ? before : after)),
    );
    assertEquals(new Set(said), new Set(["user before", "user after"]));
  }
  assertEquals(issuer.fetches, 4);
});

Deno.test("[AUTH8] an outage of the key set keeps the keys that are there", async () => {
  await using silent = startSilentServer();
  await using issuer = await startIssuer();
  using clock = fakePerformance();
  const jwts = createJwts(issuer, { BACKEND_TIMEOUT_MS: 200 });
  const old = await issuer.token("42");
  assertEquals(await judged(jwts, old), "user 42");
  await issuer.addKey();
  const token = await issuer.token("42");
  const redirect = () => Response.redirect(`http://${silent.address}/`);
  const never = () => new Promise<Response>(() => {});
  for (
    const answer of [
      () => new Response(null, { status: 503 }),
      () => new Response("<html>"),
      () => Response.json({}),
      () => Response.json({ keys: "none" }),
      () => Response.json({ keys: [{ kty: 1 }] }),
      () => Response.json({ keys: [], more: "x".repeat(300_000) }),
      redirect,
      never,
    ]
  ) {
    issuer.answer(answer);
    clock.tick(31_000);
    assertEquals(await judged(jwts, token), "unknown", String(answer));
    assertEquals(await judged(jwts, old), "user 42", String(answer));
  }
  issuer.answer();
  clock.tick(31_000);
  assertEquals(await judged(jwts, token), "user 42");
});

Deno.test("[AUTH8] without a key set, tokens are not refused", async () => {
  await using issuer = await startIssuer();
  const gone = { url: new URL(`http://127.0.0.1:${freePort()}/jwks`) };
  const token = await issuer.token("42");

  assertEquals(await judged(createJwts(gone), token), "unknown");
  const said = await createJwts(gone, { AUTH_JWT_ONLY: true }).judge(token);
  assert(said.verdict === "unavailable" && said.retryAfterMs > 29_000, JSON.stringify(said));
});

Deno.test("[AUTH8] a withdrawn key counts no more once the keys are fetched again", async () => {
  await using issuer = await startIssuer();
  using clock = fakePerformance();
  const jwts = createJwts(issuer);
  const token = await issuer.token("42");
  assertEquals(await judged(jwts, token), "user 42");
  issuer.withdraw(kidOf(token));
  clock.tick(600_001);

  // This one still counts: the newer keys are fetched in the background.
  assertEquals(await judged(jwts, token), "user 42");
  while (await judged(jwts, token) !== "unknown") { /* until they are there */ }
  assertEquals(issuer.fetches, 2);
});

Deno.test("[AUTH8] a fetch that fails does not let a withdrawn key count for another ten minutes", async () => {
  await using issuer = await startIssuer();
  using clock = fakePerformance();
  const jwts = createJwts(issuer);
  const token = await issuer.token("42");
  assertEquals(await judged(jwts, token), "user 42");
  issuer.answer(() => new Response(null, { status: 503 }));
  clock.tick(600_001);
  assertEquals(await judged(jwts, token), "user 42");
  await until("the fetch has failed", () => issuer.fetches === 2);
  issuer.withdraw(kidOf(token));
  issuer.answer();

  clock.tick(30_001);
  await until("the key counts no more", async () => await judged(jwts, token) === "unknown");
  assertEquals(issuer.fetches, 3);
});

Deno.test("[AUTH8] with AUTH_JWT_ONLY, a token whose key was withdrawn is refused once the keys are fetched again", async () => {
  await using issuer = await startIssuer();
  using clock = fakePerformance();
  const only = createJwts(issuer, { AUTH_JWT_ONLY: true });
  const old = await issuer.token("42");
  issuer.withdraw(kidOf(old));
  await issuer.addKey();
  const current = await issuer.token("42");

  assertEquals(await Promise.all([judged(only, old), judged(only, old)]), ["refused", "refused"]);
  // No fetch is due: its key may be there by now.
  assertEquals(await judged(only, old), "unavailable");
  clock.tick(30_001);
  assertEquals(await judged(only, old), "refused");
  assertEquals(await judged(only, current), "user 42");
  issuer.answer(() => new Response(null, { status: 503 }));
  clock.tick(30_001);
  assertEquals(await judged(only, old), "unavailable");
});

Deno.test("[AUTH8] a token whose key id several keys have is refused if none of them has signed it", async () => {
  await using issuer = await startIssuer();
  const kid = "twice";
  for (let i = 0; i < 2; i++) await issuer.addKey({ kid });
  const jwts = createJwts(issuer);
  const token = await issuer.token("42", { kid });
  await issuer.addKey({ kid, isPublished: false });
  const foreign = await issuer.token("42", { kid });

  assertEquals(await judged(jwts, token), "user 42");
  assertEquals(await judged(jwts, foreign), "refused");
});

Deno.test("[AUTH8] a key that can't be read does not make the others useless", async () => {
  await using issuer = await startIssuer();
  const jwts = createJwts(issuer);
  const token = await issuer.token("42");
  const { keys } = await (await fetch(issuer.url)).json();
  const broken = [{ kty: 1 }, null, { kty: "EC", kid: 7 }, { kty: "new", kid: "x" }];
  issuer.answer(() => Response.json({ keys: [...broken, ...keys] }));

  assertEquals(await judged(jwts, token), "user 42");
});

Deno.test("[AUTH8] a token without a key id is tried with the keys of its algorithm", async () => {
  await using issuer = await startIssuer();
  const kid = await issuer.addKey();
  await issuer.addKey();
  const jwts = createJwts(issuer);
  const header = { kid: undefined };

  assertEquals(await judged(jwts, await issuer.token("42", { kid, header })), "user 42");
  const foreign = await issuer.addKey({ isPublished: false });
  assertEquals(await judged(jwts, await issuer.token("42", { kid: foreign, header })), "unknown");
  const old = { at: Date.now() - 7_200_000, forSeconds: 60 };
  assertEquals(await judged(jwts, await issuer.token("42", { kid, header, ...old })), "refused");
});
