/** A peer with its clients: one group of the same user, and one of which each is a user of its own. */
import { exactNow } from "../harness/clock.ts";
import { type Child, startChild } from "../harness/child.ts";
import type { KafkaStage } from "../harness/kafka_stage.ts";
import type { ClientsOptions, Received } from "../clients/clients.ts";
import type { Fill } from "../clients/load.ts";
import type { Peer } from "./peer.ts";
import { cpuMsOf, residentBytesOf } from "./process.ts";

/** Milliseconds until a group is connected, even on a busy machine. */
const CONNECT_MS = 120_000;
/** The user of the first group: the producer adds the number to the prefix. */
const PREFIX = "all-";
const EVERYBODY = `${PREFIX}0`;

/** What it cost to deliver some messages. */
export interface Delivered {
  /** Pushes that came. */
  readonly count: number;
  readonly cpuMs: number;
  readonly tookMs: number;
}

/** A peer under way, with its clients. */
export interface PeerStage extends AsyncDisposable {
  /** Writes messages at once, all for the first group, and waits for their pushes. */
  toAll(messages: number): Promise<Delivered>;
  /** Writes messages while the server is stopped, each for one of the second group. */
  toEach(messages: number): Promise<Delivered>;
}

/** What new connections cost together. */
export interface Connected {
  readonly connections: number;
  /** Pushes of one message to each connection, which are no part of the cost. */
  readonly pushes: number;
  readonly cpuMs: number;
  readonly bytes: number;
}

/** Starts a peer without clients. */
async function startServer(kafka: KafkaStage, { start }: Peer) {
  const options = await kafka.createTopic();
  return { ...options, server: await start(options) };
}

async function connect(
  port: number,
  { peer, user, ...options }: { peer: Peer; user: string } & Pick<ClientsOptions, "clients">,
): Promise<Child> {
  const own = await peer.clients(user);
  const group = startChild("clients/clients.ts", {
    ...options,
    ...own,
    port,
    perPush: options.clients,
  });
  await group.next(CONNECT_MS);
  return group;
}

/** Writes messages, waits for their pushes to a group, and counts those that came. */
async function receive(
  group: Child,
  { pushes, write }: { pushes: number; write: () => Promise<unknown> },
): Promise<Omit<Delivered, "cpuMs">> {
  await group.ask({ perPush: pushes });
  await write();
  const at = exactNow();
  const { count, lastAt }: Received = await group.ask({}, CONNECT_MS);
  const { count: more }: Received = await group.ask({ untilQuiet: true });
  return { count: count + more, tookMs: (lastAt ?? NaN) - at };
}

/**
 * Measures what connections of users of their own cost a server that has none yet, and twice as many more,
 * for which its code is compiled and its heap has grown.
 */
export async function measureConnections(
  kafka: KafkaStage,
  { peer, clients }: { peer: Peer; clients: number },
): Promise<{ first: Connected; more: Connected }> {
  await using started = new AsyncDisposableStack();
  const { server, topic } = await startServer(kafka, peer);
  started.use(server);
  const { pid, port } = server;
  const measure = async (prefix: string, connections: number) => {
    const before = { cpuMs: await cpuMsOf(pid), bytes: await residentBytesOf(pid) };
    const own = { peer, user: `${prefix}{client}`, clients: connections };
    const group = started.use(await connect(port, own));
    const cpuMs = await cpuMsOf(pid) - before.cpuMs;
    const bytes = await residentBytesOf(pid) - before.bytes;
    const push = async (): Promise<Connected> => {
      const ofGroup = { count: connections, users: connections, prefix };
      const fill: Fill = { topic, format: peer.format, ...ofGroup };
      const write = () => kafka.producer.ask({ fill });
      const { count: pushes } = await receive(group, { pushes: connections, write });
      return { connections, pushes, cpuMs, bytes };
    };
    return { push };
  };
  // What the very first connection loads is no cost of the others.
  await measure("one-", 1);
  const first = await measure("", clients);
  const more = await measure("more-", 2 * clients);
  return { first: await first.push(), more: await more.push() };
}

/** Starts a peer, and as many clients of each group. */
export async function startPeerStage(
  kafka: KafkaStage,
  { peer, clients }: { peer: Peer; clients: number },
): Promise<PeerStage> {
  await using starting = new AsyncDisposableStack();
  const { server, topic } = await startServer(kafka, peer);
  starting.use(server);
  const { pid, port } = server;
  const same = starting.use(await connect(port, { peer, user: EVERYBODY, clients }));
  const each = starting.use(await connect(port, { peer, user: "{client}", clients }));
  const { format } = peer;
  const started = starting.move();

  async function deliver(
    group: Child,
    work: Parameters<typeof receive>[1],
  ): Promise<Delivered> {
    const cpuBefore = await cpuMsOf(pid);
    const received = await receive(group, work);
    return { ...received, cpuMs: await cpuMsOf(pid) - cpuBefore };
  }

  return {
    toAll(messages) {
      const fill: Fill = { topic, format, count: messages, users: 1, prefix: PREFIX };
      const write = () => kafka.producer.ask({ fill });
      return deliver(same, { pushes: messages * clients, write });
    },
    toEach(messages) {
      const fill: Fill = { topic, format, count: messages, users: clients };
      const write = () => kafka.fillWhileStopped(server, fill);
      return deliver(each, { pushes: messages, write });
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
