/** Passwords of SCRAM, which a broker keeps, by Kafka's own tool. */
import { QUICK_START } from "../broker.ts";
import { findKafka } from "../distribution.ts";

/** Sets a user's password for SCRAM-SHA-256, or withdraws it; needs Java. */
export async function setPassword(
  broker: string,
  { username, password }: { username: string; password: string | null },
): Promise<void> {
  const distribution = await findKafka();
  if (distribution?.kind !== "java") throw new Error("Kafka itself is needed here, with Java");
  const change = password === null
    ? ["--delete-config", "SCRAM-SHA-256"]
    : ["--add-config", `SCRAM-SHA-256=[iterations=4096,password=${password}]`];
  const { success, stdout, stderr } = await new Deno.Command("java", {
    args: [
      ...QUICK_START,
      "-cp",
      `${distribution.libs}/*`,
      "kafka.admin.ConfigCommand",
      ...["--bootstrap-server", broker, "--alter", "--entity-type", "users"],
      ...["--entity-name", username, ...change],
    ],
  }).output();
  if (success) return;
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  throw new Error(`The password can't be changed: ${said}`);
}
