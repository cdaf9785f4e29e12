/** A broker with passwords, an instance that reads from it through a proxy, and a client that is subscribed. */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { KafkaReader } from "../../../src/kafka/reader.ts";
import { until } from "../queue.ts";
import { startWss } from "../service/wss.ts";
import { startFaultProxy } from "./faults/proxy.ts";
import { CREDENTIAL, startSaslBroker } from "./sasl_broker.ts";
import { setPassword } from "./faults/scram.ts";
import { connectKafka } from "./topic.ts";

const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = CREDENTIAL;

/** Starts a broker with a password for SCRAM, unless it is withheld, and a proxy in front of it. */
export async function startScramBroker({ withholds = false }: { withholds?: boolean } = {}) {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(await startSaslBroker());
  if (!withholds) await setPassword(broker.address, { username, password });
  const proxy = stack.use(
    startFaultProxy({ brokers: [broker.saslAddress], random: xoroshiro128plus(1) }),
  );
  const producer = (await connectKafka(broker.address)).producer();
  await producer.connect();
  stack.defer(() => producer.disconnect());
  const resources = stack.move();

  return {
    broker,
    proxy,
    /** Withdraws the password, or gives it back. */
    withdraw: () => setPassword(broker.address, { username, password: null }),
    giveBack: () => setPassword(broker.address, { username, password }),
    /** Starts an instance that reads from the broker through the proxy. */
    startWss: () =>
      startWss({
        settings: {
          ...CREDENTIAL,
          KAFKA_SASL_MECHANISM: "scram-sha-256",
          KAFKA_BROKERS: proxy.addresses,
          KAFKA_TOPIC: "wss",
        },
        createReader: (settings) => new KafkaReader(settings),
      }),
    /** Writes a notification for alice, until the broker has it. */
    async produce(data: unknown): Promise<void> {
      const document = { userId: "42", type: "message", data };
      const messages = [{ value: JSON.stringify({ type: "notification", document }) }];
      const send = () => producer.send({ topic: "wss", acks: -1, messages });
      await until("the broker has a record", () => send().then(() => true, () => false), 60_000);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
