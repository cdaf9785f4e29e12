/** A broker that asks for a name and a password, on a second port. */
import { freePort } from "../network/free_port.ts";
import { startLastingBroker } from "./broker.ts";

/** The credential that it takes with PLAIN. */
export const CREDENTIAL = { username: "wss", password: "secret" };

const LOGIN = "org.apache.kafka.common.security";

/**
 * Starts it; needs Java.
 *
 * @param options.properties Properties that come before the usual ones
 */
export async function startSaslBroker(
  { properties = {} }: { properties?: Record<string, string> } = {},
) {
  const [port, saslPort, controllerPort] = [freePort(), freePort(), freePort()];
  const { username, password } = CREDENTIAL;
  const advertised = `PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort}`;
  const broker = await startLastingBroker({
    port,
    properties: {
      "listeners": `${advertised},CONTROLLER://127.0.0.1:${controllerPort}`,
      "advertised.listeners": advertised,
      "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
      "listener.security.protocol.map":
        "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
      "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
      "listener.name.sasl_plaintext.plain.sasl.jaas.config":
        `${LOGIN}.plain.PlainLoginModule required user_${username}="${password}";`,
      "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config":
        `${LOGIN}.scram.ScramLoginModule required;`,
      ...properties,
    },
  });
  return {
    ...broker,
    /** Where it asks for a credential. */
    saslAddress: `127.0.0.1:${saslPort}`,
  };
}
