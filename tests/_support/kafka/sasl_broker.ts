/** Brokers that ask for a name and a password on a second port, with PLAIN or SCRAM. */
import { freePort } from "../network/free_port.ts";
import { startLastingBroker } from "./broker.ts";

/** The credential that they take with PLAIN, and what a service needs to use it. */
export const CREDENTIAL = {
  KAFKA_SASL_MECHANISM: "plain",
  KAFKA_SASL_USERNAME: "wss",
  KAFKA_SASL_PASSWORD: "secret",
} as const;

const LOGIN = "org.apache.kafka.common.security";

/** Properties of such a broker. It uses the first port itself. */
export function saslProperties(
  { port, saslPort, controllerPort }: Record<"port" | "saslPort" | "controllerPort", number>,
): Record<string, string> {
  const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = CREDENTIAL;
  const advertised = `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort}`;
  return {
    "listeners": `${advertised},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": advertised,
    "listener.security.protocol.map":
      "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
    "listener.name.sasl_plaintext.plain.sasl.jaas.config":
      `${LOGIN}.plain.PlainLoginModule required user_${username}="${password}";`,
    "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config":
      `${LOGIN}.scram.ScramLoginModule required;`,
  };
}

/**
 * Starts one; needs Java.
 *
 * @param options.properties Properties that come before the usual ones
 */
export async function startSaslBroker(
  { properties = {} }: { properties?: Record<string, string> } = {},
) {
  const ports = { port: freePort(), saslPort: freePort(), controllerPort: freePort() };
  const broker = await startLastingBroker({
    port: ports.port,
    properties: {
      "controller.quorum.voters": `1@127.0.0.1:${ports.controllerPort}`,
      ...saslProperties(ports),
      ...properties,
    },
  });
  return {
    ...broker,
    /** Where it asks for a credential. */
    saslAddress: `127.0.0.1:${ports.saslPort}`,
  };
}
