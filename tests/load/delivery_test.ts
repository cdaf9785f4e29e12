import { kafkaTest } from "../_support/kafka/topic.ts";
import { assertAllAreDelivered } from "../_support/scenarios/kafka_delivery.ts";

kafkaTest(
  "[DEL1] 10,000 records over 3 partitions reach 50 clients, each once and in order",
  () => assertAllAreDelivered({ records: 10_000, clients: 50 }),
);
