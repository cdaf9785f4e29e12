import { assertEquals } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const V1 = { protocols: ["wss.v1"] };
const push = (data: unknown) => ({ userId: "42", type: "a", data });

Deno.test("[AUTH6] if a token is refused later, its session becomes a guest's", async () => {
  await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.backend.on("GET /user", () => new Response(null, { status: 401 }));

  assertEquals(await client.next(), {
    rid: -1,
    event: "authentication",
    status: "unauthorized",
    payload: null,
  });
  wss.publish("notification", push(1));
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals((await client.request("getMyNotifications", LIST)).status, "unauthorized");
  assertEquals(wss.service.revalidation.size, 0);
});

Deno.test("[AUTH6] an outage of the backend disconnects nobody", async () => {
  await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await client.request("getMyNotifications", LIST);
  wss.backend.forget();
  wss.backend.on("GET /user", () => new Response(null, { status: 500 }));
  await wss.backend.nextCall();
  await wss.backend.nextCall();

  wss.publish("notification", push("still there"));

  assertEquals((await client.next()).payload, "still there");
});

Deno.test("[KAF5] after a logout message, every session of the user is a guest's", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using bob = await wss.connect("/web", { ...V1, token: "bob" });
  await client.request("getMyNotifications", LIST);
  await bob.request("getMyNotifications", LIST);

  wss.publish("logout", { userId: 42 });
  wss.publish("notification", push(1));
  wss.publish("notification", { userId: "43", type: "a", data: "bob's" });

  const { event, status } = await client.next();
  assertEquals([event, status], ["authentication", "unauthorized"]);
  assertEquals(await client.pushesUntilIdle(), []);
  assertEquals((await bob.next()).payload, "bob's");
  // The cached answer for the token is gone.
  wss.backend.on("GET /user", () => new Response(null, { status: 401 }));
  assertEquals(
    (await client.request("authentication", { authToken: "alice" })).status,
    "unauthorized",
  );
});

Deno.test("[KAF5] after a logout during a login, the backend is asked once more", async () => {
  await using wss = await startWss();
  await using client = await wss.connect("/web");
  const release = wss.backend.hold("GET /user", () => Response.json({ id: "42" }));

  const rid = client.ask("authentication", { authToken: "alice" });
  const letGo = await release();
  wss.publish("logout", { userId: "42" });
  letGo();
  (await release())(new Response(null, { status: 401 }));

  assertEquals((await client.reply(rid)).status, "unauthorized");
});

Deno.test("[AUTH6] if a token belongs to another user by now, its session becomes a guest's", async () => {
  await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  wss.backend.on("GET /user", () => Response.json({ id: "99" }));

  assertEquals((await client.next()).status, "unauthorized");
  assertEquals((await client.request("getMyNotifications", LIST)).status, "unauthorized");
});

Deno.test("[AUTH6] an answer about a token that the session no longer has is ignored", async () => {
  await using wss = await startWss({ settings: { AUTH_REVALIDATE_SECONDS: 0.05 } });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  const release = wss.backend.hold("GET /user");
  const letGo = await release();
  wss.backend.reset("GET /user");
  await client.request("authentication", { authToken: "bob" });

  letGo(new Response(null, { status: 401 }));

  assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
  assertEquals(await client.pushesUntilIdle(), []);
});
