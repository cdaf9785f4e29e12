import { assertEquals } from "@std/assert";
import { startChromium } from "../_support/browser/chromium.ts";
import { streamUrl } from "../_support/clients/event_client.ts";
import { deadline, Queue } from "../_support/queue.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

/** Starts the service and a page of another origin, which is allowed or not. */
async function startPage({ isAllowed }: { isAllowed: boolean }) {
  await using started = new AsyncDisposableStack();
  const site = started.use(Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      new Response("<!doctype html><title>a site</title>", {
        headers: { "content-type": "text/html" },
      }),
  ));
  const origin = `http://127.0.0.1:${site.addr.port}`;
  const ALLOWED_ORIGINS = isAllowed ? [origin] : ["https://app.example.com"];
  const wss = started.use(await startWss({ settings: { ALLOWED_ORIGINS } }));
  const browser = started.use(await startChromium());
  const page = await browser.newPage();
  await page.goto(origin);
  const told = new Queue<unknown>();
  await page.exposeFunction("tell", (value: unknown) => told.push(value));
  const resources = started.move();
  return {
    wss,
    page,
    /** The next value that the page has told. */
    told: () => deadline("the page", told.next()),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

Deno.test("[HTTP2][HTTP5] a plain EventSource in a page of another origin gets a guest's schedule", async () => {
  await using stage = await startPage({ isAllowed: true });
  const { wss, page, told } = stage;
  await page.evaluate(`{
    const source = new EventSource(${
    JSON.stringify(streamUrl(`${wss.http}/mobile`, "getSchedules", SCHEDULE))
  });
    source.onmessage = ({ data, lastEventId }) =>
      tell([JSON.parse(data).payload, lastEventId === JSON.parse(data).cursor]);
    source.addEventListener("close", ({ data }) => tell(JSON.parse(data)));
  }`);
  assertEquals(await told(), [[{ id: "s1" }], true]);
  wss.publish("update_subscription", { resource: "schedule", data: 1 });
  assertEquals(await told(), [1, true]);
  const { sessions: [session] } = await wss.admin.get("/sessions");
  await wss.admin.post(`/sessions/${session.id}/close`);
  assertEquals(await told(), { code: 1012 });
  // It comes back by itself, with the cursor as Last-Event-ID.
  assertEquals(await told(), [null, true]);
  wss.publish("update_subscription", { resource: "schedule", data: 2 });
  assertEquals(await told(), [2, true]);
});

Deno.test("[HTTP1][HTTP2][HTTP5] a page of another origin logs in by fetch, and reads the stream", async () => {
  await using stage = await startPage({ isAllowed: true });
  const { wss, page, told } = stage;
  await page.evaluate(`(async () => {
    const headers = { authorization: "alice" };
    const answer = await fetch("${wss.http}/web", {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ command: "getMyNotificationsCount", options: { where: { types: [] }, status: "read" } }),
    });
    tell([answer.status, (await answer.json()).payload]);
    const refused = await fetch("${wss.http}/web?command=getMyNotifications&options={}", {
      headers: { ...headers, accept: "text/event-stream", "last-event-id": "x" },
    });
    tell([refused.status, (await refused.json()).status]);
    const stream = await fetch(${
    JSON.stringify(streamUrl(`${wss.http}/web`, "getMyNotifications", LIST))
  }, { headers: { ...headers, accept: "text/event-stream" } });
    const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) tell(/data: (.*)/.exec((await reader.read()).value)[1]);
  })().catch((error) => tell(String(error))); 0`);
  assertEquals(await told(), [200, { total: 3 }]);
  assertEquals(await told(), [400, "error"]);
  assertEquals(JSON.parse(String(await told())).payload, [{ id: "n1" }]);
  wss.publish("notification", { userId: "42", type: "a", data: "new" });
  assertEquals(JSON.parse(String(await told())).payload, "new");
});

Deno.test("[HTTP5][NET3] a page whose origin is not allowed can read nothing", async () => {
  await using stage = await startPage({ isAllowed: false });
  const { wss, page, told } = stage;
  await page.evaluate(`{
    const get = (init) => fetch("${wss.http}/web", init).then(({ status }) => tell(status), () => tell("refused"));
    get({ method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    get({ headers: { authorization: "alice" } });
    new EventSource(${
    JSON.stringify(streamUrl(`${wss.http}/mobile`, "getSchedules", SCHEDULE))
  }).onerror = () => tell("refused");
  }`);
  for (let i = 0; i < 3; i++) assertEquals(await told(), "refused");
  assertEquals(wss.backend.calls.length, 0);
});
