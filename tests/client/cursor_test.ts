/** The place from which the client library resumes, with a scripted service. */
import { assertEquals } from "@std/assert";
import { connect } from "../../src/client/mod.ts";
import { fakeTimeouts } from "../_support/clock.ts";
import { deadline, Queue } from "../_support/queue.ts";
import { fakeRandom } from "../_support/random.ts";
import { startScriptedService } from "../_support/service/scripted_service.ts";

interface Request {
  rid: number;
  options: { since?: string };
}

/** The next connection, with its requests. */
async function nextConnection(service: ReturnType<typeof startScriptedService>) {
  const socket = await service.socket();
  const requests = new Queue<Request>();
  socket.onmessage = ({ data }) => requests.push(JSON.parse(data));
  return {
    close: () => socket.close(1011),
    request: () => deadline("a request", requests.next()),
    asked: () => requests.takeAll().length,
    push: (frame: object) => socket.send(JSON.stringify({ rid: -1, payload: null, ...frame })),
    reply: (frame: object) =>
      socket.send(JSON.stringify({ event: "e", status: "ok", payload: [], ...frame })),
  };
}

Deno.test("[DEL6] after a list of another log, a push with a lower offset is not a repeat", async () => {
  await using service = startScriptedService();
  using client = connect(service.ws);
  const inbox = client.notifications();
  const first = await nextConnection(service);
  first.reply({ rid: (await first.request()).rid, cursor: "c1" });
  first.push({ event: "e", status: "update", id: "0-5", cursor: "c2" });
  first.push({ event: "e", status: "update", id: "0-5", cursor: "c2" });
  assertEquals([(await inbox.next()).value.kind, (await inbox.next()).value.kind], [
    "list",
    "update",
  ]);
  first.close();

  const second = await nextConnection(service);
  const { rid, options: { since } } = await second.request();
  second.reply({ rid, cursor: "c3", recovered: false, payload: ["new"] });
  second.push({ event: "e", status: "update", id: "0-0", payload: "first", cursor: "c4" });

  assertEquals(since, "c2");
  assertEquals((await inbox.next()).value, { kind: "list", items: ["new"] });
  assertEquals((await inbox.next()).value, { kind: "update", data: "first" });
});

Deno.test("[LIFE4] a client that was sent away resumes from the cursor that came with it", async () => {
  await using service = startScriptedService();
  using client = connect(service.ws);
  const inbox = client.notifications();
  const first = await nextConnection(service);
  first.reply({ rid: (await first.request()).rid, cursor: "c1" });
  await inbox.next();
  first.push({ event: "server", status: "reconnect", payload: { afterMs: 0 }, cursor: "c2" });
  first.close();

  const second = await nextConnection(service);
  assertEquals((await second.request()).options.since, "c2");
});

Deno.test("[DEL8] a cursor for all subscriptions is not for one that has no list yet", async () => {
  await using service = startScriptedService();
  using client = connect(service.ws);
  client.notifications();
  const first = await nextConnection(service);
  await first.request();
  first.push({ event: "stream", status: "live", cursor: "c9" });
  first.close();

  const second = await nextConnection(service);
  assertEquals((await second.request()).options.since, undefined);
});

for (const { told, waits } of [{ told: 1500, waits: 1500 }, { told: 1e12, waits: 3_600_000 }]) {
  Deno.test(`[ERR1] a list that is refused for ${told} ms is requested again after ${waits} ms`, () =>
    retriesAfter(told, waits));
}

async function retriesAfter(told: number, waits: number): Promise<void> {
  await using service = startScriptedService();
  using client = connect(service.ws);
  client.notifications();
  const connection = await nextConnection(service);
  const { rid } = await connection.request();
  using clock = fakeTimeouts();
  using _random = fakeRandom(0);
  const problem = { Slug: "overloaded", Message: "m", Temporary: true, RetryAfterMs: told };
  connection.reply({ rid, status: "error", payload: { message: "m", error: [problem] } });
  // Answered after the error, on the same line.
  const counted = client.request("getMyNotificationsCount", {});
  connection.reply({ rid: (await connection.request()).rid, payload: { total: 0 } });
  await counted;
  clock.tick(waits - 1);
  assertEquals(connection.asked(), 0);
  clock.tick(1);
  assertEquals((await connection.request()).options.since, undefined);
}
