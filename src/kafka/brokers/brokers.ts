/**
 * The brokers of the cluster: where they are, and connections to them.
 */
import type { ClientOptions } from "../client.ts";
import type { BrokerNode } from "../wire/metadata.ts";
import { formatAddress } from "./address.ts";
import { BrokerConnection, UnreachableError } from "./broker_connection.ts";

/** Milliseconds after which the next broker is asked as well. */
const HEDGE_MS = 300;

/** Asks a broker something. */
export type Ask<T> = (connection: BrokerConnection) => Promise<T>;

/** Knows the brokers of one cluster. */
export class Brokers {
  /** Addresses as in KAFKA_BROKERS. */
  readonly #bootstrap: readonly string[];
  readonly #client: ClientOptions;
  readonly #signal: AbortSignal;
  /** The address of each node. */
  readonly #nodes = new Map<number, string>();
  /**
   * The connections for questions, by address. Records are read over others, as a Fetch may take long,
   * and answers come in order.
   */
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  readonly #open = new Set<BrokerConnection>();
  /** Each resolves when its connection is closed, or could not be opened. */
  readonly #ends = new Set<Promise<void>>();
  #asked = 0;

  /** @param options.signal Aborted when no connection is needed any more */
  constructor(
    bootstrap: readonly string[],
    { client, signal }: { client: ClientOptions; signal: AbortSignal },
  ) {
    this.#bootstrap = bootstrap;
    this.#client = client;
    this.#signal = signal;
  }

  /** Notes where the nodes are. */
  learn(nodes: readonly BrokerNode[]): void {
    if (nodes.length === 0) return;
    this.#nodes.clear();
    for (const node of nodes) this.#nodes.set(node.nodeId, formatAddress(node));
  }

  /**
   * Opens a connection to a node, for reading records. Its owner closes it.
   *
   * @throws {Error} See {@linkcode BrokerConnection.open}
   */
  async open(nodeId: number): Promise<BrokerConnection> {
    return await this.#openAt(this.#addressOf(nodeId));
  }

  /**
   * Asks one node.
   *
   * @throws {Error} It can't be reached, or what `ask` throws
   */
  async ask<T>(nodeId: number, ask: Ask<T>): Promise<T> {
    return await this.#askAt(this.#addressOf(nodeId), ask);
  }

  /**
   * Asks any broker: another one first at each call, and the next one if there is no answer at once.
   * So no single broker that is down, frozen or wrong matters.
   *
   * @returns The first answer
   * @throws {Error} No broker answers
   */
  async askAny<T>(ask: Ask<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const errors: Error[] = [];
    const candidates = this.#candidates();
    let isAnswered = false;
    for (const address of candidates) {
      const next = Promise.withResolvers<void>();
      const timer = setTimeout(next.resolve, HEDGE_MS);
      this.#askAt(address, ask).then((answer) => {
        isAnswered = true;
        resolve(answer);
      }, (error) => {
        errors.push(error);
        if (errors.length === candidates.length) reject(mostTelling(errors));
      }).finally(next.resolve);
      await next.promise;
      clearTimeout(timer);
      if (isAnswered) break;
      if (this.#signal.aborted) reject(this.#signal.reason);
      if (this.#signal.aborted) break;
    }
    return await promise;
  }

  /** Closes all connections. The signal must have been aborted, so that no new one comes. */
  async close(): Promise<void> {
    for (const connection of this.#open) connection.close("the reader stops");
    await Promise.all(this.#ends);
  }

  #candidates(): string[] {
    const nodes = [...this.#nodes.values()];
    const others = this.#bootstrap.filter((address) => !nodes.includes(address));
    this.#asked++;
    return [...rotated(nodes, this.#asked), ...rotated(others, this.#asked)];
  }

  #addressOf(nodeId: number): string {
    const address = this.#nodes.get(nodeId);
    if (address !== undefined) return address;
    // The leader of a partition that is down may be missing in the list of brokers.
    throw new UnreachableError(`broker ${nodeId}`, "no broker says where it is");
  }

  async #askAt<T>(address: string, ask: Ask<T>): Promise<T> {
    let opening = this.#connectionTo(address);
    // It stays known until its socket is closed, a little later.
    if ((await opening).isClosed) {
      this.#forget(address, opening);
      opening = this.#connectionTo(address);
    }
    return await ask(await opening);
  }

  #connectionTo(address: string): Promise<BrokerConnection> {
    const known = this.#connections.get(address);
    if (known) return known;
    const opening = this.#openAt(address);
    this.#connections.set(address, opening);
    const forget = () => this.#forget(address, opening);
    opening.then(({ closed }) => closed).then(forget, forget);
    return opening;
  }

  /** Forgets a connection, unless there is another one in its place. */
  #forget(address: string, opening: Promise<BrokerConnection>): void {
    if (this.#connections.get(address) === opening) this.#connections.delete(address);
  }

  #openAt(address: string): Promise<BrokerConnection> {
    const opening = BrokerConnection.open(address, { client: this.#client, signal: this.#signal });
    const end = opening.then(async (connection) => {
      this.#open.add(connection);
      if (this.#signal.aborted) connection.close("the reader stops");
      await connection.closed;
      this.#open.delete(connection);
    }, () => {}).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
    return opening;
  }
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/** A broker that refuses says more than one that can't be reached. */
function mostTelling(errors: readonly Error[]): Error | undefined {
  return errors.find((error) => !(error instanceof UnreachableError)) ?? errors[0];
}
