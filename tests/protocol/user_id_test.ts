import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseMessage } from "../../src/log/message.ts";
import { userIdSchema } from "../../src/protocol/validation.ts";
import { notificationTarget } from "../../src/protocol/target.ts";
import { startWss } from "../_support/service/wss.ts";

/** The user of an id's JSON in an answer of the user API; `null` if the id is not usable. */
function userOfAnswer(id: string): string | null {
  return userIdSchema.safeParse(JSON.parse(`{"id":${id}}`).id).data ?? null;
}

/** The users whom the topic's messages address with the same JSON. */
function usersOfMessages(id: string): (string | null)[] {
  const parse = (text: string) => parseMessage(new TextEncoder().encode(text));
  const notification = parse(`{"type":"notification","document":{"userId":${id},"type":"t"}}`);
  const logout = parse(`{"type":"logout","document":{"userId":${id}}}`);
  return [
    "to" in notification && notification.to.by === "user" ? notification.to.user : null,
    "user" in logout ? logout.user : null,
  ];
}

Deno.test("[AUTH5][KAF4][KAF5] an id means the same user in an answer and in a message", () => {
  const ids = fc.oneof(
    fc.maxSafeInteger().map(String),
    // As some languages write a number that is whole.
    fc.maxSafeInteger().map((id) => `${id}.0`),
    fc.bigInt({ min: 10n ** 15n, max: 2n ** 53n + 10n }).map(String),
    fc.string({ unit: "binary" }).map((id) => JSON.stringify(id)),
    fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.stringify(value)),
  );

  fc.assert(
    fc.property(ids, (id) => {
      const user = userOfAnswer(id);
      assertEquals(usersOfMessages(id), [user, user]);
    }),
    { numRuns: 5000 },
  );
});

for (const id of [10 ** 15 - 1, 10 ** 15, 2 ** 53 - 1, -(2 ** 53 - 1)]) {
  Deno.test(`[AUTH5][KAF4][KAF5] the user ${id} logs in, gets pushes, and is logged out`, async () => {
    await using wss = await startWss({ users: { alice: id } });
    await using alice = await wss.connect("/web", { protocols: ["wss.v1"], token: "alice" });
    const { event } = await alice.request("getMyNotifications", { where: { types: [] } });
    assertEquals(event, notificationTarget({ userId: String(id), types: [] }).id);

    wss.publish("notification", { userId: id, type: "message", data: "hello" });
    wss.publish("logout", { userId: id });

    assertEquals((await alice.next()).payload, "hello");
    assertEquals((await alice.next()).status, "unauthorized");
  });
}
