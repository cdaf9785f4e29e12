import { assert, assertEquals } from "@std/assert";
import { Ajv } from "ajv";
import { createAsyncApi } from "../../src/asyncapi/document.ts";
import { PUSHES } from "../../src/asyncapi/pushes.ts";
import { repliesOf } from "../../src/asyncapi/replies.ts";
import { createCommandTables } from "../../src/commands/table.ts";
import { createEmbeddedLog } from "../../src/dev/embedded_log.ts";
import type { LogEvents } from "../../src/log/reader.ts";
import type { Frame } from "../_support/clients/client.ts";
import { fakeServiceClock } from "../_support/clock.ts";
import { createChangedReader } from "../_support/service/changed_reader.ts";
import { startWss } from "../_support/service/wss.ts";

const V1 = { protocols: ["wss.v1"] };
const LIST = { where: { types: [] } };
const SCHEDULE = { where: { from: 1, to: 2, timezone: "UTC" } };

const tables = createCommandTables({ has: () => true });
const REPLIES = repliesOf([...tables["/mobile"].values()]);
const { messages } = createAsyncApi({ version: "1.2.3", tables }).components;
const ajv = new Ajv({ strict: false });

/** The frame matches the schema of that message, and has no keys that the schema does not have. */
function assertIs(name: string, frame: Frame): void {
  const info = { ...REPLIES, ...PUSHES }[name];
  assertEquals(info?.payload.parse(frame), frame, name);
  assert(ajv.validate(messages[name]?.payload ?? false, frame), `${name}: ${ajv.errorsText()}`);
}

Deno.test("replies match the document's schemas", async () => {
  await using wss = await startWss();
  await using limited = await startWss({ settings: { RATE_LIMIT: 1 } });
  await using client = await wss.connect("/mobile");
  const ask = client.request;
  const replies: [string, Frame][] = [
    ["refused", await ask("getMyNotifications", LIST)],
    ["authentication.ok", await ask("authentication", { authToken: "alice" })],
    ["getMyNotifications.ok", await ask("getMyNotifications", LIST)],
    ["getMyNotifications.ok", await ask("getMyNotifications", { ...LIST, since: "x" })],
    [
      "getMyNotificationsCount.ok",
      await ask("getMyNotificationsCount", { ...LIST, status: "read" }),
    ],
    [
      "updateNotifications.ok",
      await ask("updateNotifications", { where: { notifications: [] }, status: "read" }),
    ],
    ["getSchedules.ok", await ask("getSchedules", SCHEDULE)],
    ["getTournament.ok", await ask("getTournament", { where: { id: 1 } })],
    ["subscription.ok", await ask("subscription", { ids: [], action: "unsubscribe" })],
    ["error", await ask("getTournament", { where: { id: ".." } })],
    ["error", await ask("unheard of")],
  ];
  client.send("nonsense");
  replies.push(["error", await client.next()]);
  const { cursor } = await ask("getSchedules", SCHEDULE);
  replies.push(["resumed", await ask("getSchedules", { ...SCHEDULE, since: cursor })]);
  for (const status of [401, 403, 404]) {
    wss.backend.on("GET /tournament", () => Response.json({ message: "No" }, { status }));
    replies.push(["refused", await ask("getTournament", { where: { id: 1 } })]);
  }
  replies.push(["authentication.ok", await ask("authentication")]);
  await using hasty = await limited.connect("/web");
  const rids = [1, 2, 3, 4].map(() => hasty.ask("unheard of"));
  for (const rid of rids) replies.push(["error", await hasty.reply(rid)]);

  for (const [name, frame] of replies) assertIs(name, frame);
  assertEquals(replies.at(-1)?.[1].payload.error[0].Slug, "rate-limited");
  assertEquals(new Set(replies.map(([name]) => name)), new Set(Object.keys(REPLIES)));
});

Deno.test("pushes match the document's schemas", async () => {
  using clock = fakeServiceClock();
  const stream = createTroubledReader();
  await using wss = await startWss({
    ...stream,
    settings: { DEGRADED_AFTER_SECONDS: 15 },
  });
  await using client = await wss.connect("/web", { ...V1, token: "alice" });
  await using old = await wss.connect("/web", { token: "alice" });
  await using guest = await wss.connect("/web", { ...V1, token: "bob" });
  const { event } = await client.request("getMyNotifications", LIST);
  await old.request("getMyNotifications", { where: { types: ["none"] } });
  const pushes: Frame[] = [];
  const take = async (from = client) => pushes.push(await from.next());

  wss.publish("notification", { userId: "42", type: "a", data: [{ n: 1 }] });
  await take();
  wss.publish("update_subscription", { subscriptions: [event] });
  await take();
  wss.publish("update_subscription", { subscriptions: [event], options: { reload: true } });
  await take();
  wss.publish("logout", { userId: "43" });
  await take(guest);
  stream.isReachable = false;
  clock.tick(16_000);
  await take();
  stream.isReachable = true;
  clock.tick(1000);
  await take();
  stream.lose();
  await take();
  await take(old);
  const stopped = wss.stop();
  await take();
  await take(guest);
  await stopped;

  for (const frame of pushes) assertIs(frame.status, frame);
  assertEquals(new Set(pushes.map(({ status }) => status)), new Set(Object.keys(PUSHES)));
});

/** A reader of a log whose ends are not known at times, and that loses records. */
function createTroubledReader() {
  const log = createEmbeddedLog();
  let events: LogEvents | undefined;
  const stream = {
    log,
    isReachable: true,
    lose: () => events?.onLost(0, 7),
    createReader: () =>
      createChangedReader(log, (given) => {
        events = given;
        return { ...given, onEnds: (ends) => stream.isReachable && given.onEnds(ends) };
      }),
  };
  return stream;
}
