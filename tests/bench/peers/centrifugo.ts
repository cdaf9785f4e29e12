/** Centrifugo, which reads the topic itself. Its clients log in by a token that it checks itself. */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { Peer } from "./peer.ts";
import { freePort, outputOf, startPeerProcess } from "./process.ts";

const SECRET = "secret";

/** The command, where it is found. */
async function find(): Promise<string | null> {
  const goPath = (await outputOf("go", ["env", "GOPATH"]))?.trim();
  for (const command of ["centrifugo", ...goPath ? [`${goPath}/bin/centrifugo`] : []]) {
    if (await outputOf(command, ["version"]) !== null) return command;
  }
  return null;
}

/** What `go install` notes of the module's version is not in what `centrifugo version` prints. */
async function version(): Promise<string | null> {
  const command = await find();
  if (command === null) return null;
  const which = (await outputOf("sh", ["-c", `command -v ${command}`]))?.trim() ?? command;
  const info = await outputOf("go", ["version", "-m", which]);
  const ofModule = info && /\smod\s+\S+\s+v(\S+)/.exec(info)?.[1];
  return ofModule || /v([\d.]+)/.exec(await outputOf(command, ["version"]) ?? "")?.[1] || "?";
}

/** A token of one user, signed with the secret (RFC 7519). */
function tokenOf(user: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** @param channel Options of its channels */
export function centrifugo(name: string, channel: Record<string, unknown>): Peer {
  return {
    name,
    version,
    install: "go install github.com/centrifugal/centrifugo/v6@latest",
    format: "centrifugo",
    clients: (user) => ({
      path: "/connection/websocket",
      waitsForUpgrade: true,
      // The same token for all, as it must be signed; it is checked for each of them.
      requests: [
        { id: 1, connect: { token: tokenOf("42") } },
        { id: 2, subscribe: { channel: user } },
      ],
      readyAt: '"id":2',
      counted: '"pub":{',
    }),
    async start({ brokers, topic }) {
      const command = await find();
      if (command === null) throw new Error("Centrifugo is not there");
      const port = freePort();
      const directory = await Deno.makeTempDir();
      const file = `${directory}/config.json`;
      await Deno.writeTextFile(
        file,
        JSON.stringify({
          http_server: { address: "127.0.0.1", port: String(port) },
          // As for all peers, no pings, as the clients do not answer them.
          client: { token: { hmac_secret_key: SECRET }, ping_interval: "24h", pong_timeout: "1h" },
          channel: { without_namespace: { allow_subscribe_for_client: true, ...channel } },
          consumers: [{
            enabled: true,
            name: "kafka",
            type: "kafka",
            kafka: { brokers: [brokers], topics: [topic], consumer_group: crypto.randomUUID() },
          }],
          usage_stats: { disabled: true },
        }),
      );
      const { pid, ...process } = await startPeerProcess(command, {
        args: ["--config", file],
        isReady: (line) => line.includes("serving websocket"),
      });
      return {
        pid,
        port,
        async [Symbol.asyncDispose]() {
          await process[Symbol.asyncDispose]();
          await Deno.remove(directory, { recursive: true });
        },
      };
    },
  };
}
