/** Gives a service input of every kind, and checks what must hold for any input. */
import { assert, assertEquals } from "@std/assert";
import type { Client, Frame } from "../clients/client.ts";
import { until } from "../queue.ts";
import type { Wss } from "../service/wss.ts";
import type { Answer, KafkaValue } from "./input.ts";

const LIST = { where: { types: [] } };
/** Frames that are sent on one connection. */
const FRAMES_A_CONNECTION = 100;
/** Values after which the user subscribes again, because one of them may have been a logout. */
const VALUES_A_LOGIN = 20;

/** Sends frames, and then a request that is answered after all of them; gives the replies. */
async function repliesTo(client: Client, frames: readonly string[]): Promise<Frame[]> {
  for (const frame of frames) client.send(frame);
  client.send({ rid: 1000, command: "subscription", options: { ids: [], action: "unsubscribe" } });
  const replies = [];
  for (;;) {
    const frame = await client.next();
    if (frame.rid === 1000) return replies;
    replies.push(frame);
  }
}

/** Sends frames over several connections in turn. Each frame gets one reply, and none shows a defect. */
export async function sendFrames(wss: Wss, frames: readonly string[]): Promise<void> {
  for (let start = 0; start < frames.length; start += FRAMES_A_CONNECTION) {
    await using client = await wss.connect("/mobile");
    const sent = frames.slice(start, start + FRAMES_A_CONNECTION);
    const replies = await repliesTo(client, sent);
    assertEquals(replies.length, sent.length);
    for (const { rid, event, status, payload } of replies) {
      assert(
        Number.isSafeInteger(rid) && typeof event === "string",
        JSON.stringify({ rid, event }),
      );
      assert(["ok", "unauthorized", "forbidden", "error"].includes(status), status);
      const slugs = status === "error"
        ? payload.error?.map(({ Slug }: { Slug: string }) => Slug)
        : [];
      assert(!slugs?.includes("internal"), JSON.stringify(payload));
    }
  }
}

/** Publishes values while user 42 is subscribed, who must be able to go on. Gives the user's pushes. */
export async function publishValues(
  wss: Wss,
  values: readonly KafkaValue[],
  { publish = (value) => void wss.log.publish(value) }: { publish?: (value: KafkaValue) => void } =
    {},
): Promise<Frame[]> {
  await using alice = await wss.connect("/web", { protocols: ["wss.v1"] });
  const pushed: Frame[] = [];
  const position = () => wss.service.stream.positions[0] ?? 0;
  for (let start = 0; start < values.length; start += VALUES_A_LOGIN) {
    const replies = [
      await alice.request("authentication", { authToken: "alice" }),
      await alice.request("getMyNotifications", LIST),
    ];
    assertEquals(replies.map(({ status }) => status), ["ok", "ok"]);
    const batch = values.slice(start, start + VALUES_A_LOGIN);
    const end = position() + batch.length;
    for (const value of batch) publish(value);
    // A logout that is read later than the next login would end that.
    await until("all values are read", () => position() === end);
    pushed.push(...await alice.pushesUntilIdle());
  }
  return pushed;
}

/** Sends all commands until the backend has given all answers. Each command gets one reply. */
export async function askForAnswers(wss: Wss, answers: readonly Answer[]): Promise<void> {
  await using client = await wss.connect("/mobile");
  let given = 0;
  const respond = () => {
    const { status, body, retryAfter } = answers[given++] ??
      { status: 200, body: "", retryAfter: "" };
    const isEmpty = status === 204 || status === 205 || status === 304;
    const bytes = typeof body === "string" ? body : new Uint8Array(body);
    return new Response(isEmpty ? null : bytes, { status, headers: { "retry-after": retryAfter } });
  };
  for (const key of ["GET /user", "GET /notification", "GET /schedule", "GET /tournament"]) {
    wss.backend.on(key, respond);
  }
  const requests = [
    { command: "authentication", options: { authToken: "alice" } },
    { command: "getMyNotifications", options: LIST },
    { command: "getMyNotificationsCount", options: { ...LIST, status: "read" } },
    { command: "getSchedules", options: { where: { from: 1, to: 2, timezone: "UTC" } } },
    { command: "getTournament", options: { where: { id: 1 } } },
  ].map((request, i) => JSON.stringify({ ...request, rid: i + 1 }));
  for (let i = 0; given < answers.length; i++) {
    const replies = await repliesTo(client, requests);
    assertEquals(replies.map(({ rid }) => rid).sort(), [1, 2, 3, 4, 5]);
    for (const { status, payload } of replies) {
      if (status === "error") {
        assert(payload?.error?.[0]?.Slug !== "internal", JSON.stringify(payload));
      }
    }
    if (i % 20 === 0) wss.backend.on("GET /user", () => Response.json({ id: "42" }));
    if (i % 20 === 10) wss.backend.on("GET /user", respond);
  }
}
