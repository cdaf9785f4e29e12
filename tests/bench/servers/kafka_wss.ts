/** wss as a process of a benchmark: the whole service, which reads a topic. */
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { startService } from "../../../src/service.ts";
import { settingsOf, testEnvironment } from "../../_support/service/settings.ts";
import { answer, childOptions, cpuMs, say } from "../harness/parent.ts";

/** What it is told at its start. */
export interface KafkaServerOptions {
  readonly brokers: string;
  readonly topic: string;
  /** Where the APIs are. */
  readonly backend: string;
  readonly settings?: Record<string, string>;
}

/** What it has taken, and who is connected. */
export interface ServerState {
  readonly cpuMs: number;
  readonly connections: number;
}

const { brokers, topic, backend, settings: own }: KafkaServerOptions = childOptions();
const settings = settingsOf({
  ...testEnvironment(backend),
  KAFKA_BROKERS: brokers,
  KAFKA_TOPIC: topic,
  // Nothing is done but what is measured; the clients answer no pings, and it is stopped at times.
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
