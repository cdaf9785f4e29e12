import { assert, assertEquals } from "@std/assert";
import { post } from "../../_support/clients/event_client.ts";
import { fakePerformance, fakeTimeouts } from "../../_support/clock.ts";
import { until } from "../../_support/queue.ts";
import { startWss } from "../../_support/service/wss.ts";

const TOURNAMENT = { rid: 7, command: "getTournament", options: { where: { id: "1" } } };

Deno.test("[HTTP5][LIM2] POSTs over the limit for long are refused, and RATE_LIMIT of them a second still answered", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT: 5 } });
  using clock = fakePerformance();
  for (const token of ["alice", undefined]) {
    for (let second = 1; second <= 40; second++) {
      const answers = [];
      for (let i = 0; i < 6; i++) {
        answers.push(await post(`${wss.http}/mobile`, TOURNAMENT, { token }));
      }
      const refused = answers.filter(({ status }) => status !== 200);
      assert(refused.length <= 1, `${refused.length} are refused in second ${second}`);
      const facts = refused.map(({ status, headers, reply }) => [
        status,
        headers.get("retry-after"),
        reply.rid,
      ]);
      assertEquals(facts, refused.map(() => [429, "1", 7]));
      clock.tick(1000);
    }
  }
});

/** Sends a body a number of times, one after another, and gives the HTTP statuses. */
async function statusesOf(url: string, count: number, init: () => RequestInit) {
  const statuses = [];
  for (let i = 0; i < count; i++) {
    const { body, headers } = init();
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: body ?? null,
    });
    await response.body?.cancel();
    statuses.push(response.status);
  }
  return statuses;
}

const NOT_UTF8 = new Uint8Array(5000).fill(0xff);

Deno.test("[HTTP5][LIM2] POSTs whose body or Content-Type is refused count as others do", async () => {
  using _clock = fakePerformance();
  const cases: [number, () => RequestInit][] = [
    [415, () => ({ headers: { "content-type": "text/plain" }, body: "{}" })],
    [
      415,
      () => ({ headers: { "content-type": "text/plain", authorization: "alice" }, body: "{}" }),
    ],
    [413, () => ({ body: " ".repeat(6000) })],
    [413, () => ({ body: ReadableStream.from([new Uint8Array(6000)]) })],
    [400, () => ({ body: NOT_UTF8 })],
    [400, () => ({ body: NOT_UTF8, headers: { authorization: "alice" } })],
  ];
  for (const [status, init] of cases) {
    await using wss = await startWss({ settings: { RATE_LIMIT: 1, MAX_MESSAGE_BYTES: 5000 } });
    const statuses = await statusesOf(`${wss.http}/mobile`, 50, init);
    assertEquals(statuses, [...Array(2).fill(status), ...Array(48).fill(429)]);
  }
});

Deno.test("[HTTP5][LIM2] POSTs whose body does not come in time count as others do", async () => {
  await using wss = await startWss({ settings: { RATE_LIMIT: 1 } });
  using clock = fakeTimeouts();
  const asking = Array.from({ length: 5 }, () =>
    fetch(`${wss.http}/web`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(1)) }),
    }));
  await until("they are awaited", () => wss.service.sessions.size === 5);
  clock.tick(30_000);
  const answers = await Promise.all(asking);
  await Promise.all(answers.map(({ body }) => body?.cancel()));
  assertEquals(answers.map(({ status }) => status).sort(), [408, 408, 429, 429, 429]);
});

Deno.test("[HTTP5][LIM6] the bytes of a body that is refused count as others do", async () => {
  using _clock = fakePerformance();
  const settings = { RATE_LIMIT_BYTES: 1000, MAX_MESSAGE_BYTES: 8000 };
  for (const headers of [{}, { authorization: "alice" }]) {
    await using wss = await startWss({ settings });
    const url = `${wss.http}/mobile`;
    assertEquals(await statusesOf(url, 2, () => ({ body: NOT_UTF8, headers })), [400, 429]);
  }
});
