import { assert, assertEquals } from "@std/assert";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import { type Issuer, startIssuer } from "../_support/service/issuer.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = ["wss.v1"];

function startWithKeys(issuer: Issuer, options: Parameters<typeof startWss>[0] = {}) {
  return startWss({ ...options, settings: { AUTH_JWKS_URL: issuer.url, ...options.settings } });
}

/** How many times the user API was asked. */
function usersAsked({ backend }: { backend: { calls: { url: string }[] } }): number {
  return backend.calls.filter(({ url }) => url.startsWith("/user")).length;
}

const bearer = (token: string) => `bearer.${btoa(token).replace(/=+$/, "")}`;

Deno.test("[AUTH8] a JWT logs in by a command and by an upgrade, and no {user} is asked", async () => {
  await using issuer = await startIssuer();
  await using wss = await startWithKeys(issuer, { settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
  const token = await issuer.token("42");

  await using byCommand = await wss.connect("/web");
  const reply = await byCommand.request("authentication", { authToken: `Bearer ${token}` });
  await using byProtocol = await wss.connect("/web", { protocols: [...V1, bearer(token)] });
  assertEquals([reply.status, reply.payload], ["ok", { id: "42" }]);
  for (const client of [byCommand, byProtocol]) {
    assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
  }
  wss.publish("notification", { userId: "42", type: "a", data: "for both" });
  for (const client of [byCommand, byProtocol]) {
    assertEquals((await client.next()).payload, "for both");
  }
  const renewed = await byCommand.request("authentication", {
    authToken: await issuer.token("42"),
    update: true,
  });
  assertEquals(renewed.status, "ok");
  assertEquals(usersAsked(wss), 0);
  const authorizations = wss.backend.calls.map(({ authorization }) => authorization);
  assertEquals(authorizations, [`Bearer ${token}`, token]);
});

Deno.test("[AUTH8] what is no JWT is asked about at {user}", async () => {
  await using issuer = await startIssuer();
  await using wss = await startWithKeys(issuer);

  await using client = await wss.connect("/web", { token: "alice" });

  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
  assertEquals(usersAsked(wss), 1);
});

Deno.test("[AUTH8] when a JWT expires, its session becomes a guest's, or is closed with 4401", async () => {
  using clock = fakeServiceClock();
  await using issuer = await startIssuer();
  await using wss = await startWithKeys(issuer, { settings: { AUTH_REVALIDATE_SECONDS: 0 } });
  const token = await issuer.token("42", { forSeconds: 30 });
  await using knowing = await wss.connect("/web", { protocols: [...V1, bearer(token)] });
  const old = await wss.connect("/web", { token });
  await knowing.request("getMyNotifications", LIST);

  clock.tick(31_000);
  const { event, status } = await knowing.next();
  assertEquals([event, status], ["authentication", "unauthorized"]);
  assertEquals((await old.ended).code, 4401);
  assertEquals((await knowing.request("getMyNotifications", LIST)).status, "unauthorized");
  // Clocks differ, so it may log in for a little longer.
  const again = await knowing.request("authentication", { authToken: token });
  assertEquals([again.status, again.payload], ["ok", { id: "42" }]);
  assertEquals(usersAsked(wss), 0);
});

Deno.test("[AUTH8] a refused JWT is answered as one that {user} refuses", async () => {
  await using issuer = await startIssuer();
  await using wss = await startWithKeys(issuer);
  const token = await issuer.token("42", { at: Date.now() - 7_200_000 });

  await using client = await wss.connect("/web");
  const { status, payload } = await client.request("authentication", { authToken: token });
  assertEquals([status, payload], ["unauthorized", null]);
  const refused = await wss.connect("/web", { protocols: [...V1, bearer(token)] });
  assertEquals((await refused.ended).code, 4401);
  assertEquals(usersAsked(wss), 0);
});

Deno.test("[AUTH8] with AUTH_JWT_ONLY, a token whose key is unknown is as if no backend could be asked", async () => {
  await using issuer = await startIssuer();
  await using wss = await startWithKeys(issuer, { settings: { AUTH_JWT_ONLY: true } });
  await using client = await wss.connect("/web", { token: await issuer.token("42") });
  await issuer.addKey({ isPublished: false });
  const token = await issuer.token("42");

  const { status, payload } = await client.request("authentication", { authToken: token });
  const [problem] = payload.error;
  assertEquals([status, problem.Slug, problem.Temporary], ["error", "backend-unavailable", true]);
  assert(problem.RetryAfterMs > 0 && problem.RetryAfterMs <= 30_000, problem.RetryAfterMs);
  // The session stays as it was.
  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
  const closed = await wss.connect("/web", { protocols: [...V1, bearer(token)] });
  assertEquals((await closed.ended).code, 4503);
  const opaque = await client.request("authentication", { authToken: "alice" });
  assertEquals([opaque.status, opaque.payload], ["unauthorized", null]);
  assertEquals(usersAsked(wss), 0);
});

Deno.test("[AUTH8][KAF5] a JWT from before a logout is refused, also by an instance that starts later", async () => {
  await using issuer = await startIssuer();
  const log = createEmbeddedLog();
  const settings = { RECOVERY_WINDOW_SECONDS: 0.001 };
  await using one = await startWithKeys(issuer, { log, settings });
  const token = await issuer.token("42");
  const other = await issuer.token("43");
  const later = await issuer.token("42", { at: Date.now() + 2000 });
  await using client = await one.connect("/web", { protocols: V1, token });

  one.publish("logout", { userId: "42" });
  assertEquals((await client.next()).status, "unauthorized");
  await using two = await startWithKeys(issuer, { log, settings });
  for (const wss of [one, two]) {
    await using client = await wss.connect("/web");
    const login = async (authToken: string) =>
      (await client.request("authentication", { authToken })).status;
    assertEquals(await login(token), "unauthorized");
    assertEquals(await login(other), "ok");
    assertEquals(await login(later), "ok");
  }
});

kafkaTest(
  "[AUTH8][DEL7] logouts are read back from Kafka over the life of a JWT, and the window is not",
  async () => {
    await using issuer = await startIssuer();
    await using topic = await createTopic({ partitions: 2 });
    const token = await issuer.token("42");
    await topic.produce([
      { type: "notification", document: { userId: "43", type: "a", data: "old" } },
      { type: "logout", document: { userId: "42" } },
    ], { partition: 1 });
    const settings = { AUTH_JWKS_URL: issuer.url, RECOVERY_WINDOW_SECONDS: 0.001 };
    await using wss = await topic.startWss({ settings });
    await using without = await topic.startWss({
      settings: { ...settings, AUTH_JWT_MAX_SECONDS: 0.001 },
    });

    await using client = await wss.connect("/web");
    const { status } = await client.request("authentication", { authToken: token });
    assertEquals(status, "unauthorized");
    assertEquals(wss.service.stream.window.nextSeq, 0);
    assertEquals(without.service.stream.positions, wss.service.stream.positions);
  },
);

Deno.test("[AUTH8] 10,000 logins with a JWT cost the backend nothing", async () => {
  await using issuer = await startIssuer({ alg: "EdDSA" });
  await using wss = await startWithKeys(issuer);
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const authToken = await issuer.token(`user-${i}`);
    await using client = await wss.connect("/web");
    for (let login = 0; login < 100; login++) {
      const { status, payload } = await client.request("authentication", { authToken });
      assertEquals([status, payload], ["ok", { id: `user-${i}` }]);
    }
  }));
  assertEquals([wss.backend.calls.length, issuer.fetches], [0, 1]);
});
