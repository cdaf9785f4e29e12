/** Many records of a real topic, for many clients. */
import { assertEquals } from "@std/assert";
import { createTopic } from "../kafka/topic.ts";

const PARTITIONS = [0, 1, 2];
const BATCH = 500;

/** Writes records to three partitions: each reaches each client once, in the order of its partition. */
export async function assertAllAreDelivered(
  { records, clients: count }: { records: number; clients: number },
): Promise<void> {
  await using topic = await createTopic({ partitions: PARTITIONS.length });
  await using wss = await topic.startWss();
  const clients = [];
  for (let i = 0; i < count; i++) {
    const client = await wss.connect("/web", { token: "alice" });
    await client.request("getMyNotifications", { where: { types: [] } });
    clients.push(client);
  }

  for (let start = 0; start < records; start += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, records - start) }, (_, i) => start + i);
    for (const partition of PARTITIONS) {
      const own = numbers.filter((n) => n % PARTITIONS.length === partition);
      const notifications = own.map((data) => ({
        type: "notification",
        document: { userId: "42", type: "message", data },
      }));
      await topic.produce(notifications, { partition });
    }
  }

  for (const client of clients) {
    const nextOffsets = PARTITIONS.map(() => 0);
    for (let got = 0; got < records; got++) {
      const { id, payload } = await client.next();
      const [partition = 0, offset = NaN] = id?.split("-").map(Number) ?? [];
      assertEquals(
        { offset, partition: payload % PARTITIONS.length },
        { offset: nextOffsets[partition], partition },
      );
      nextOffsets[partition] = offset + 1;
    }
    assertEquals(await client.pushesUntilIdle(), []);
    await client[Symbol.asyncDispose]();
  }
}
