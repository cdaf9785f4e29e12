/** A process that writes messages to topics: all at once, or at a constant pace. */
import { connectKafka } from "../../_support/kafka/topic.ts";
import { exactNow } from "../harness/clock.ts";
import { type Fill, type Pace, PARTITIONS } from "./load.ts";
import { answer, childOptions, say } from "../harness/parent.ts";

/** A prime that divides no number of users. */
const STEP = 7919;
/** Messages that one request writes. */
const BATCH = 1000;
/** Requests under way while filling. */
const CONCURRENCY = 3;

const { brokers }: { brokers: string } = childOptions();
const producer = (await connectKafka(brokers)).producer({
  createPartitioner: () => ({ message: { partition } }) => partition ?? 0,
});
await producer.connect();

function message(
  user: string,
  { n, at, format = "wss" }: { n: number; at?: number } & Pick<Fill, "format">,
) {
  const data = {
    text: "x".repeat(100),
    n,
    // Less than 16 digits, so that wss reads it as an ordinary number.
    ...at !== undefined && { at: Math.round(at * 100) / 100 },
  };
  const value = format === "wss"
    ? { type: "notification", document: { userId: user, type: "message", data } }
    : { method: "publish", payload: { channel: user, data } };
  return { partition: n % PARTITIONS, value: JSON.stringify(value) };
}

async function fill({ topic, count, users, prefix = "", last, format }: Fill): Promise<void> {
  let next = 0;
  const write = async () => {
    while (next < count) {
      const first = next;
      next = Math.min(count, next + BATCH);
      const messages = Array.from(
        { length: next - first },
        (_, i) => message(`${prefix}${(first + i) * STEP % users}`, { n: first + i, format }),
      );
      await producer.send({ topic, messages, acks: 1 });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, write));
  if (last === undefined) return;
  const messages = Array.from({ length: PARTITIONS }, (_, n) => message(last, { n, format }));
  await producer.send({ topic, messages, acks: 1 });
}

/** A late message is written at once, stamped with its scheduled time. */
async function pace({ topic, users, perSecond, count }: Pace): Promise<void> {
  const startAt = exactNow() + 100;
  const writing: Promise<unknown>[] = [];
  for (let n = 0; n < count;) {
    const messages = [];
    for (let at; n < count && (at = startAt + n * 1000 / perSecond) <= exactNow(); n++) {
      messages.push(message(String(n * STEP % users), { n, at }));
    }
    if (messages.length > 0) writing.push(producer.send({ topic, messages, acks: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(writing);
}

say({});

await answer(async (question: { fill?: Fill; pace?: Pace }) => {
  if (question.fill) await fill(question.fill);
  if (question.pace) await pace(question.pace);
  return {};
});
