import { assert, assertEquals } from "@std/assert";
import { connect, type State } from "../src/client/mod.ts";
import { until } from "./_support/queue.ts";
import { startTwo, startWss } from "./_support/wss.ts";

Deno.test("a client gets its list, and what is new", async () => {
  await using wss = await startWss();
  using client = connect(`${wss.ws}/web`, { token: () => "alice" });
  const inbox = client.notifications({ types: ["message"] });

  assertEquals((await inbox.next()).value, { kind: "list", items: [{ id: "n1" }] });
  wss.publish("notification", { userId: "42", type: "message", data: 1 });
  assertEquals((await inbox.next()).value, { kind: "update", data: 1 });
  assertEquals(await client.count({ status: "unseen" }), { total: 3 });
  await client.markAs("read", ["n1"]);
  assertEquals(wss.backend.calls.at(-1)?.body, '{"ids":["n1"],"status":"read"}');
});

Deno.test("a client resumes after its line was cut, on another instance", async () => {
  await using pair = await startTwo();
  const { one, two, backend } = pair;
  const states: State[] = [];
  using client = connect(`${one.ws}/web`, {
    token: () => "alice",
    onState: (state) => states.push(state),
  });
  const inbox = client.notifications();
  await inbox.next();
  backend.forget();
  const [{ id }] = (await one.admin.get("/sessions")).sessions;
  await one.admin.post(`/sessions/${id}/close`);
  one.publish("notification", { userId: "42", type: "a", data: "missed" });
  assertEquals((await inbox.next()).value, { kind: "update", data: "missed" });
  assert(backend.calls.every(({ url }) => !url.startsWith("/notification")));
  await until("open", () => client.state.state === "open");
  assertEquals(states.map(({ state }) => state), [
    "connecting",
    "open",
    "waiting",
    "connecting",
    "open",
  ]);
  void two;
});
