/** Plays scenarios against a service over real sockets, and says what it did. */
import type { Frame } from "../_support/clients/client.ts";
import { deadline } from "../_support/queue.ts";
import type { Backend, BackendCall } from "../_support/service/backend.ts";

/** An answer of the backend. */
export interface Answer {
  /** Default 200. */
  status?: number;
  headers?: Record<string, string>;
  /** JSON. */
  json?: unknown;
  /** A body that is not JSON. If neither is given, the body is empty. */
  text?: string;
}

/** A request that the service made of the backend, and what it was answered. */
export interface Asked {
  /** Method, path and query. */
  request: string;
  /** Left out if there is no such header. */
  authorization?: string;
  /** The body of a PUT, as JSON. */
  body?: unknown;
  answer?: Answer;
}

/** What one frame or message causes. Clients are called the first and the second. */
export interface Outcome {
  asked?: Asked[];
  got?: Frame[];
  secondGot?: Frame[];
  /** The close code of the first client's connection. */
  closed?: number;
  /** Whether the whole service ended. */
  ended?: true;
}

/** A frame that a client sends, or a message in the topic, and what it causes. */
export interface Exchange extends Outcome {
  /** The first client sends this as JSON. */
  send?: unknown;
  /** The second client sends this as JSON. */
  secondSend?: unknown;
  /** The first client sends this text. */
  sendText?: string;
  /** The first client sends a binary frame with this text. */
  sendBinary?: string;
  /** This message is published, as JSON. */
  publish?: unknown;
  /** This value is published. */
  publishText?: string;
  /** What wss does instead, and why. */
  differs?: { reason: string; ours: Outcome };
}

export interface Scenario {
  name: string;
  /** Default `/mobile`, which has all commands. */
  endpoint?: string;
  /** Whether there is a second client. */
  hasSecond?: true;
  exchanges: Exchange[];
}

/** Where a service is, and how it is reached. */
export interface Place {
  ws: string;
  backend: Backend;
  publish(value: string): void | Promise<void>;
  /** How long to wait for the frames that a message should cause. */
  patienceMs: number;
}

/** What a service asks a backend for, as {@linkcode Backend} names it. */
const APIS = [
  "GET /user",
  "GET /notification",
  "PUT /notification",
  "GET /schedule",
  "GET /tournament",
];
/** What a service is answered that asks more often than is told. */
const TOO_OFTEN: Answer = { status: 404, text: "This is not asked" };
/** The close code of a connection that broke off. */
const ABNORMAL = 1006;
/** The subscription of the client that sees when a message has been read. */
const WATCHED = { where: { from: 1, to: 1, timezone: "Antarctica/Troll" } };

/** A client that keeps what it gets. */
class Listener {
  readonly #socket: WebSocket;
  readonly #opened = Promise.withResolvers<void>();
  #frames: Frame[] = [];
  #changed = Promise.withResolvers<void>();
  #lastProbe = 7_000_000;
  /** Its close code, if it is closed. */
  closed: number | undefined;

  private constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#opened.resolve();
    this.#socket.onmessage = ({ data }) => {
      this.#frames.push(JSON.parse(data));
      this.#tell();
    };
    this.#socket.onclose = ({ code }) => {
      this.closed = code || ABNORMAL;
      this.#opened.reject(new Error(`Closed with ${code}`));
      this.#tell();
    };
  }

  static async connect(url: string): Promise<Listener> {
    const listener = new Listener(url);
    await listener.#opened.promise;
    return listener;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** Waits until it has as many frames, or is closed, or has waited long. */
  async has(count: number, patienceMs?: number): Promise<void> {
    await this.#until(`${count} frames`, () => this.#frames.length >= count, patienceMs)
      .catch(() => {});
  }

  /** Takes all frames up to the answer to one more request, which waits for those before it. */
  async takeAll(): Promise<Frame[]> {
    const rid = ++this.#lastProbe;
    const options = { ids: [], action: "unsubscribe" };
    if (this.closed === undefined) {
      this.send(JSON.stringify({ rid, command: "subscription", options }));
    }
    await this.#until("the answer", () => this.#frames.some((frame) => frame.rid === rid));
    return this.#frames.splice(0).filter((frame) => frame.rid !== rid);
  }

  async [Symbol.asyncDispose]() {
    this.#socket.close();
    await this.#until("its end", () => false);
  }

  /** Waits until it is closed or the condition holds. */
  async #until(what: string, holds: () => boolean, patienceMs?: number): Promise<void> {
    while (this.closed === undefined && !holds()) {
      await deadline(what, this.#changed.promise, patienceMs);
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Makes a player for a service that is ready. */
export async function createPlayer({ ws, backend, publish, patienceMs }: Place) {
  const watcher = await Listener.connect(`${ws}/mobile`);
  answerWith(backend, [{ json: [] }]);
  watcher.send(JSON.stringify({ rid: 1, command: "getSchedules", options: WATCHED }));
  const [reply] = await watcher.takeAll();
  const document = { subscriptions: [reply?.event], data: "all before it has been read" };

  /** Publishes a value, and waits until it has been read, or the service has ended. */
  async function publishAndWait(value: string): Promise<void> {
    await publish(value);
    await publish(JSON.stringify({ type: "update_subscription", document }));
    await watcher.has(1);
    await watcher.takeAll();
  }

  /** Sends or publishes it. */
  async function cause(exchange: Exchange, [first, second]: Listener[]): Promise<void> {
    if ("send" in exchange) first?.send(JSON.stringify(exchange.send));
    if ("secondSend" in exchange) second?.send(JSON.stringify(exchange.secondSend));
    if (exchange.sendText !== undefined) first?.send(exchange.sendText);
    if (exchange.sendBinary !== undefined) {
      first?.send(new TextEncoder().encode(exchange.sendBinary));
    }
    if ("publish" in exchange) await publishAndWait(JSON.stringify(exchange.publish));
    if (exchange.publishText !== undefined) await publishAndWait(exchange.publishText);
  }

  async function playOne(exchange: Exchange, clients: Listener[]): Promise<Outcome> {
    const answers = exchange.asked?.map(({ answer }) => answer ?? {}) ?? [];
    const expected = exchange.differs?.ours ?? exchange;
    // To a connection that is about to be closed, no further request can be sent.
    const isClosed = expected.closed !== undefined;
    const counts = [isClosed ? Infinity : expected.got?.length, expected.secondGot?.length];
    const isPublished = "publish" in exchange || exchange.publishText !== undefined;
    backend.forget();
    const given = answerWith(backend, answers);
    await cause(exchange, clients);
    // A reload may begin after the message has been read.
    if (isPublished) { for (const _ of expected.asked ?? []) await backend.nextCall(); }
    const frames: Frame[][] = [];
    for (const [i, client] of clients.entries()) {
      if (isPublished || isClosed) await client.has(counts[i] ?? 0, patienceMs);
      frames.push(await client.takeAll());
    }
    return {
      ...given.length > 0 ? { asked: given } : {},
      ...frames[0]?.length ? { got: frames[0] } : {},
      ...frames[1]?.length ? { secondGot: frames[1] } : {},
      ...clients[0]?.closed === undefined ? {} : { closed: clients[0].closed },
      ...watcher.closed === undefined ? {} : { ended: true },
    };
  }

  return {
    /** Plays a scenario with clients of its own. */
    async play(
      { endpoint = "/mobile", hasSecond, exchanges }: Omit<Scenario, "name">,
    ): Promise<Outcome[]> {
      await using stack = new AsyncDisposableStack();
      const clients = [stack.use(await Listener.connect(ws + endpoint))];
      if (hasSecond) clients.push(stack.use(await Listener.connect(ws + endpoint)));
      const outcomes: Outcome[] = [];
      for (const exchange of exchanges) outcomes.push(await playOne(exchange, clients));
      return outcomes;
    },
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  };
}

/** Lets the backend answer so, one after the other. Requests that come are added to the result. */
function answerWith(backend: Backend, answers: readonly Answer[]): Asked[] {
  const asked: Asked[] = [];
  for (const api of APIS) {
    backend.on(api, (call) => {
      const answer = answers[asked.length] ?? answers.at(-1) ?? TOO_OFTEN;
      asked.push({ ...describe(call), answer });
      return responseOf(answer);
    });
  }
  return asked;
}

function describe({ method, url, authorization, body }: BackendCall): Asked {
  return {
    request: `${method} ${url}`,
    ...authorization === null ? {} : { authorization },
    ...method === "PUT" ? { body: JSON.parse(body) } : {},
  };
}

function responseOf({ status = 200, headers = {}, json, text }: Answer): Response {
  const body = json === undefined ? text ?? null : JSON.stringify(json);
  return new Response([204, 304].includes(status) ? null : body, { status, headers });
}
