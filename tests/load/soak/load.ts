/** A producer that writes at a rate, and loses nothing in an outage. */
import { connectKafka } from "../../_support/kafka/topic.ts";

/** Milliseconds between two batches. */
const BATCH_MS = 50;

/** Writes the numbers from 1 on, each once at least; resolves when the brokers have them all. */
export async function produceAtRate({ settings, total, rate, partitions, store, message }: {
  settings: { KAFKA_BROKERS: string; KAFKA_TOPIC: string };
  total: number;
  /** Messages a second; after an outage it catches up. */
  rate: number;
  partitions: number;
  /** Called before they are written. */
  store: (numbers: number[]) => void;
  message: (n: number) => unknown;
}): Promise<void> {
  const producer = (await connectKafka(settings.KAFKA_BROKERS)).producer();
  await producer.connect();
  const startedAt = performance.now();
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.ceil((performance.now() - startedAt) / 1000 * rate));
    const numbers = Array.from({ length: due - sent }, (_, i) => sent + i + 1);
    store(numbers);
    const byPartition = Map.groupBy(numbers, (n) => n % partitions);
    await Promise.all(
      byPartition.entries().map(([partition, numbers]) => {
        // Not all partitions in one call: kafkajs 2.2.4 takes a broker that has answered for one that has
        // everything, also what it was not sent because another broker led a partition before.
        const messages = numbers.map((n) => ({ partition, value: JSON.stringify(message(n)) }));
        return sendUntilDone(() =>
          producer.send({ topic: settings.KAFKA_TOPIC, acks: -1, messages })
        );
      }),
    );
    sent = due;
    await new Promise((resolve) => setTimeout(resolve, BATCH_MS));
  }
  await producer.disconnect();
}

async function sendUntilDone(send: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await send();
      return;
    } catch {
      // The brokers are away; kafkajs has waited between its own tries.
    }
  }
}
