/** wss, in a process of its own: the whole service, with a topic of Kafka. */
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { startService } from "../../../src/service.ts";
import { settingsOf, testEnvironment } from "../../_support/service/settings.ts";
import { answer, childOptions, cpuMs, say } from "../harness/parent.ts";

/** The options of the process. */
export interface KafkaServerOptions {
  readonly brokers: string;
  readonly topic: string;
  /** The origin of the APIs. */
  readonly backend: string;
  readonly settings?: Record<string, string>;
}

/** The CPU that the server has taken, and the number of its connections. */
export interface ServerState {
  readonly cpuMs: number;
  readonly connections: number;
}

const { brokers, topic, backend, settings: own }: KafkaServerOptions = childOptions();
const settings = settingsOf({
  ...testEnvironment(backend),
  KAFKA_BROKERS: brokers,
  KAFKA_TOPIC: topic,
  // Nothing else should run than what is measured. The clients answer no pings, and the process is
  // stopped at times.
  PING_SECONDS: "86400",
  CURSOR_SECONDS: "86400",
  AUTH_REVALIDATE_SECONDS: "0",
  DEGRADED_AFTER_SECONDS: "300",
  ...own,
});
const service = startService(settings, new KafkaReader(settings));
await service.ready;
say({ port: service.address.port });

await answer((): ServerState => ({ cpuMs: cpuMs(), connections: service.connections }));
