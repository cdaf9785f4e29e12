/** A server that pushes messages from Kafka to users, as wss does, or does so in part. */
import type { ClientsOptions } from "../clients/clients.ts";
import type { Fill } from "../clients/load.ts";
import type { KafkaServerOptions } from "../servers/kafka_wss.ts";

/** A server under way. */
export interface RunningPeer extends AsyncDisposable {
  readonly pid: number;
  /** The port on which clients connect. */
  readonly port: number;
}

/** How clients of a peer ask for the messages of one user. */
export type PeerClients = Pick<
  ClientsOptions,
  "path" | "protocol" | "requests" | "texts" | "readyAt" | "counted" | "waitsForUpgrade"
>;

/** One of the servers that are compared. */
export interface Peer {
  readonly name: string;
  /** Its version; `null` if it is not there. */
  version(): Promise<string | null>;
  /** How to install it. */
  readonly install: string;
  /** How messages are written for it. */
  readonly format: NonNullable<Fill["format"]>;
  /** @param user `{client}` stands for the client's number */
  clients(user: string): PeerClients | Promise<PeerClients>;
  start(options: KafkaServerOptions): Promise<RunningPeer>;
}
