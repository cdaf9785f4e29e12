/**
 * Addresses of brokers, as KAFKA_BROKERS has them: `host:port`, with an IPv6 address in brackets.
 */
import net from "node:net";
import tls from "node:tls";

/** What kafkajs asks for when it needs a socket. */
export interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: boolean | tls.ConnectionOptions;
  readonly onConnect: () => void;
}

/** Writes the address of a host. */
export function formatAddress({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Gives the host of an address, without brackets, and the port. */
export function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
}

/** Opens a socket to a broker, with TLS unless `ssl` is false. */
export function connectSocket({ host, port, ssl, onConnect }: SocketOptions): net.Socket {
  if (!ssl) return net.connect({ host, port }, onConnect);
  const name = net.isIP(host) ? {} : { servername: host };
  return tls.connect({ host, port, ...name, ...(ssl === true ? {} : ssl) }, onConnect);
}
