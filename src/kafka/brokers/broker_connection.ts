/**
 * One connection to one broker, over kafkajs's, which knows TCP, TLS, SASL and the versions of a
 * broker.
 *
 * Each wait has a time limit of its own, after which the socket is destroyed: kafkajs has none for
 * some answers, such as those of SASL. A connection that is lost is not opened again. Its owner makes
 * a new one.
 */
import type net from "node:net";
import { getLogger } from "@logtape/logtape";
import KafkajsBroker from "kafkajs/src/broker/index.js";
import KafkajsConnectionPool from "kafkajs/src/network/connectionPool.js";
import { unlessAborted } from "../../util/delay.ts";
import type { ClientOptions } from "../client.ts";
import { AnswerTimer } from "./answer_timer.ts";
import { connectSocket, parseAddress, type SocketOptions } from "./address.ts";
import { type BrokerVersions, chooseVersion, type WireApi, type WireRequest } from "../wire/api.ts";

const logger = getLogger(["wss", "kafka", "client"]);

/** Milliseconds for TCP, TLS, the broker's versions and SASL together. */
const OPEN_MS = 3000;
/** Milliseconds after which kafkajs would give up by itself. The limits here come first. */
const KAFKAJS_MS = 600_000;

/** What is used of kafkajs's classes, for which the package has no types. */
interface Broker {
  readonly versions: BrokerVersions;
  connect(): Promise<void>;
}
interface Connection {
  readonly requestQueue: { readonly throttledUntil: number };
  send<T>(request: WireRequest<T>): Promise<T>;
}

/** The broker can't be reached, or it does not answer in time. */
export class UnreachableError extends Error {
  override name = "UnreachableError";

  constructor(readonly address: string, reason: string) {
    super(reason);
  }
}

/** The broker and this service have no version of a request in common. */
export class UnsupportedError extends Error {
  override name = "UnsupportedError";
}

/** A connection that is open. */
export class BrokerConnection {
  /** As in KAFKA_BROKERS. */
  readonly address: string;
  readonly #broker: Broker;
  readonly #connection: Connection;
  readonly #closed = Promise.withResolvers<void>();
  /** Aborted when it is closed, with the reason. */
  readonly #closing = new AbortController();
  /** The time limits of the answers that are waited for. */
  readonly #answerTimers = new Set<AnswerTimer>();
  #socket: net.Socket | undefined;

  private constructor(address: string, client: ClientOptions) {
    this.address = address;
    const connectionPool = new KafkajsConnectionPool({
      ...client,
      ...parseAddress(address),
      logger: debugLogger,
      connectionTimeout: KAFKAJS_MS,
      requestTimeout: KAFKAJS_MS,
      // It would be a timer that fires every 100 ms, also while nothing is asked.
      enforceRequestTimeout: false,
      socketFactory: (options: SocketOptions) => this.#createSocket(options),
    });
    this.#broker = new KafkajsBroker({ connectionPool, logger: debugLogger });
    // The pool has another one, for Fetch requests only. It is never opened.
    [this.#connection] = connectionPool.pool;
  }

  /**
   * Opens a connection.
   *
   * @param options.signal Aborts the opening
   * @throws {UnreachableError} It can't be opened within 3 s
   * @throws {Error} An error of kafkajs: the broker refuses the connection
   */
  static async open(
    address: string,
    { client, signal }: { client: ClientOptions; signal: AbortSignal },
  ): Promise<BrokerConnection> {
    const made = new BrokerConnection(address, client);
    const abort = () => made.close("The connection is not needed any more");
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      await made.#open();
      return made;
    } catch (error) {
      made.close("It could not be opened");
      await made.closed;
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Resolves when the socket is closed, from whatever side. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * The highest version of an API that both sides know.
   *
   * @param options.max The highest version to use; that of the API by default
   * @throws {UnsupportedError} There is none
   */
  versionOf(api: WireApi, { max = api.max }: { max?: number } = {}): number {
    try {
      return chooseVersion(api, this.#broker.versions, { max });
    } catch (error) {
      throw new UnsupportedError(error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Sends a request. After its time limit, the connection is closed: answers come in order, so a late
   * one would hold up all others. The limit begins anew whenever bytes arrive, unless they
   * arrive too slowly: see {@linkcode AnswerTimer}.
   *
   * @param options.timeoutMs Milliseconds for which the broker may be silent, beside those for which it
   * throttles this client
   * @throws {UnreachableError} The connection is lost, or the broker is silent or too slow
   * @throws {Error} An error of kafkajs, or the answer is not one
   */
  async send<T>(request: WireRequest<T>, { timeoutMs }: { timeoutMs: number }): Promise<T> {
    this.#closing.signal.throwIfAborted();
    const throttledMs = Math.max(0, this.#connection.requestQueue.throttledUntil - Date.now());
    const timer = this.#startTimer(timeoutMs + throttledMs);
    this.#answerTimers.add(timer);
    return await unlessAborted(this.#connection.send(request), this.#closing.signal)
      .finally(() => this.#endTimer(timer));
  }

  /** Closes the socket at once. Requests that wait for an answer fail with the reason. */
  close(reason: string): void {
    if (this.isClosed) return;
    const error = new UnreachableError(this.address, reason);
    this.#closing.abort(error);
    // With an error, after which kafkajs cleans up. Without one, it would wait for pending answers.
    if (this.#socket) this.#socket.destroy(error);
    else this.#closed.resolve();
  }

  /** One time limit is for all of it, as a broker sends little meanwhile. */
  async #open(): Promise<void> {
    this.#closing.signal.throwIfAborted();
    const timer = this.#startTimer(OPEN_MS);
    await unlessAborted(this.#broker.connect(), this.#closing.signal).finally(() =>
      this.#endTimer(timer)
    );
  }

  #startTimer(limitMs: number): AnswerTimer {
    return new AnswerTimer({ limitMs, onExpiry: (reason) => this.close(reason) });
  }

  #endTimer(timer: AnswerTimer): void {
    timer.stop();
    this.#answerTimers.delete(timer);
  }

  #createSocket(options: SocketOptions): net.Socket {
    const socket = this.#socket = connectSocket(options);
    socket.on("data", ({ length }: Uint8Array) => {
      for (const timer of this.#answerTimers) timer.onBytes(length);
    });
    // These come before the listeners of kafkajs, whose errors do not name the broker.
    socket.once("error", (error) => this.close(error.message));
    socket.once("end", () => this.close("the broker has closed the connection"));
    socket.once("close", () => {
      this.close("the connection was closed");
      this.#closed.resolve();
    });
    if (this.isClosed) socket.destroy(this.#closing.signal.reason);
    return socket;
  }
}

/** Writes kafkajs's lines as our own, for a closer look: what is wrong is told by the reader. */
const debugLogger = {
  namespace: () => debugLogger,
  debug: () => {},
  info: debug,
  warn: debug,
  error: debug,
};

function debug(message: string): void {
  logger.debug("{message}", { message });
}
