import { assertEquals } from "@std/assert";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Jwts } from "../../../src/backend/jwt/jwts.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { startIssuer } from "../../_support/service/issuer.ts";
import { testSettings } from "../../_support/service/settings.ts";

Deno.test("[AUTH8] a key that can't be used keeps no other one from being tried, in any order", async () => {
  const tooShort = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: "SHA-256",
    },
    true,
    ["sign", "verify"],
  );
  const good = await generateKeyPair("RS256", { extractable: true });
  const stranger = await generateKeyPair("RS256", { extractable: true });
  const shortJwk = await crypto.subtle.exportKey("jwk", tooShort.publicKey);
  const goodJwk = await exportJWK(good.publicKey);
  await using issuer = await startIssuer();
  const now = Math.floor(Date.now() / 1000);
  for (const kid of [undefined, "k"]) {
    for (const jwks of [[shortJwk, goodJwk], [goodJwk, shortJwk]]) {
      const keys = jwks.map(({ n, e, kty }) => ({ n, e, kty, alg: "RS256", use: "sig", kid }));
      issuer.answer(() => Response.json({ keys }));
      const jwts = new Jwts(issuer.url, testSettings("http://127.0.0.1", {}), createMetrics());
      const judge = async ({ privateKey }: typeof good) => {
        const jwt = new SignJWT({ sub: "42", iat: now, exp: now + 600 });
        const header = { alg: "RS256", ...kid !== undefined && { kid } };
        return (await jwts.judge(await jwt.setProtectedHeader(header).sign(privateKey))).verdict;
      };
      assertEquals(await judge(good), "ok");
      // It may be signed with the key that can't be used here.
      assertEquals(await judge(stranger), "unknown");
    }
  }
});
