/**
 * Describes for operators why the topic cannot be read.
 */
import type { Settings } from "../settings/settings.ts";
import type { Trouble } from "./keep_trying.ts";

/** Whether an error of kafkajs says that the topic does not exist. */
export function isMissingTopic(error: unknown): boolean {
  return error instanceof Error && "type" in error && error.type === "UNKNOWN_TOPIC_OR_PARTITION";
}

/** Describes an error of kafkajs with the topic or the brokers that it is about. */
export function troubleOf(
  error: unknown,
  { KAFKA_TOPIC, KAFKA_BROKERS }: Pick<Settings, "KAFKA_TOPIC" | "KAFKA_BROKERS">,
): Trouble {
  if (isMissingTopic(error)) {
    return {
      kind: "missing topic",
      text: `The topic "${KAFKA_TOPIC}" does not exist and the brokers do not create it: create it`,
    };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return {
    kind: "unreachable",
    text: `Cannot read from Kafka at ${KAFKA_BROKERS.join(", ")}: ${reason}`,
  };
}
