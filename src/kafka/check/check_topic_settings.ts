/**
 * Whether the topic keeps records as long as clients may resume from them.
 */
import { ConfigResourceTypes } from "kafkajs";
import { createKafka, type KafkaSettings } from "../client.ts";
import type { Settings } from "../../settings/settings.ts";
import { ErrorCode, kafkajsErrorCode } from "../wire/error_codes.ts";
import type { Finding } from "./finding.ts";

/** The settings of a topic that matter, by Kafka's names. */
const ASKED = ["retention.ms", "retention.bytes", "cleanup.policy"];

/** The settings that say how long records are needed. */
type KeepingSettings = Pick<
  Settings,
  "KAFKA_TOPIC" | "RECOVERY_WINDOW_SECONDS" | "AUTH_JWKS_URL" | "AUTH_JWT_MAX_SECONDS"
>;

/** For how long records are needed, and for what. */
function neededSeconds(
  { RECOVERY_WINDOW_SECONDS, AUTH_JWKS_URL, AUTH_JWT_MAX_SECONDS }: KeepingSettings,
) {
  const window = {
    name: "RECOVERY_WINDOW_SECONDS",
    seconds: RECOVERY_WINDOW_SECONDS,
    use: "clients may resume",
  };
  const logouts = {
    name: "AUTH_JWT_MAX_SECONDS",
    seconds: AUTH_JWT_MAX_SECONDS,
    use: "logouts are read back",
  };
  return AUTH_JWKS_URL ? [window, logouts] : [window];
}

/**
 * Asks how the topic keeps records, which needs a right that the service does without.
 *
 * @param settings KAFKA_BROKERS must be brokers that can be reached
 */
export async function checkTopicSettings(
  settings: KafkaSettings & KeepingSettings,
): Promise<Finding[]> {
  const { KAFKA_TOPIC: topic } = settings;
  const subject = `topic ${topic}`;
  const found = await describeTopic(settings).catch((error: Error) => error);
  if (found instanceof Error) {
    const why = kafkajsErrorCode(found) === ErrorCode.TOPIC_AUTHORIZATION_FAILED
      ? "asking needs the right DESCRIBE_CONFIGS of it"
      : "it could not be asked";
    return [{ subject, text: `how long it keeps records is not known; ${why}: ${found.message}` }];
  }
  const retentionMs = Number(found.get("retention.ms") ?? -1);
  const policy = found.get("cleanup.policy") ?? "";
  const kept = retentionMs < 0
    ? "it keeps records without a limit in time"
    : `it keeps records for ${retentionMs / 1000} s`;
  const findings: Finding[] = [{ subject, text: kept }];
  for (const { name, seconds, use } of neededSeconds(settings)) {
    if (retentionMs < 0 || retentionMs >= seconds * 1000) continue;
    findings.push({
      subject,
      text: `${kept}, and ${use} for ${name} (${seconds})`,
      advice: `set retention.ms of the topic to at least ${seconds * 1000}`,
    });
  }
  const retentionBytes = Number(found.get("retention.bytes") ?? -1);
  if (retentionBytes >= 0) {
    findings.push({ subject, text: `it keeps at most ${retentionBytes} bytes of a partition` });
  }
  if (policy.includes("compact")) {
    findings.push({
      subject,
      text: `its cleanup.policy is ${policy}, which removes notifications of users with newer ones`,
      advice: "set cleanup.policy of the topic to delete",
    });
  }
  return findings;
}

async function describeTopic(
  settings: KafkaSettings & Pick<Settings, "KAFKA_TOPIC">,
): Promise<Map<string, string>> {
  const admin = (await createKafka(settings, { retries: 0 })).admin();
  await admin.connect();
  try {
    const { resources: [topic] } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{
        type: ConfigResourceTypes.TOPIC,
        name: settings.KAFKA_TOPIC,
        configNames: ASKED,
      }],
    });
    return new Map(
      topic?.configEntries.map(({ configName, configValue }) => [
        configName,
        configValue,
      ]),
    );
  } finally {
    await admin.disconnect();
  }
}
