/** Clients that ask and are pushed something at a steady rate, and that note what they get and when. */
import type { Frame } from "../../_support/clients/client.ts";
import { deadline } from "../../_support/queue.ts";

const LIST = { where: { types: [] } };
const COUNT = { ...LIST, status: "read" };

/** Milliseconds that replies and pushes took. */
export interface Delays {
  readonly replies: number[];
  readonly pushes: number[];
}

/** A push's data. */
export interface PushData {
  readonly n: number;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
}

/** What all of them share. */
export interface WellBehavedOptions {
  readonly url: string;
  readonly delays: () => Delays;
}

/** One of them, logged in as the user that has its token's name, and subscribed. */
export class WellBehaved {
  /** The numbers of its pushes, as they came. */
  readonly pushed: number[] = [];
  /** Replies that were not ok, and frames that it has no use for. */
  readonly problems: string[] = [];
  readonly #socket: WebSocket;
  readonly #delays: () => Delays;
  /** When requests were sent that have no reply yet, by rid. */
  readonly #asked = new Map<number, number>();
  readonly #replied = new Map<number, () => void>();
  #lastRid = 0;
  #isLeaving = false;

  private constructor(socket: WebSocket, { delays }: WellBehavedOptions) {
    this.#socket = socket;
    this.#delays = delays;
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code }) => {
      if (!this.#isLeaving) this.problems.push(`closed with ${code}`);
    };
  }

  static async connect(token: string, options: WellBehavedOptions): Promise<WellBehaved> {
    const socket = new WebSocket(`${options.url}/mobile`, ["wss.v1"]);
    await deadline(
      "the upgrade",
      new Promise<void>((resolve, reject) => {
        socket.onopen = () => resolve();
        socket.onerror = () => reject(new Error("A well-behaved client was not let in"));
      }),
    );
    const client = new WellBehaved(socket, options);
    await client.ask("authentication", { authToken: token });
    await client.ask("getMyNotifications", LIST);
    return client;
  }

  /** Requests without a reply so far. */
  get unanswered(): number {
    return this.#asked.size;
  }

  /** Sends a request; resolves with its reply. */
  ask(command = "getMyNotificationsCount", options: unknown = COUNT): Promise<void> {
    const rid = ++this.#lastRid;
    this.#asked.set(rid, performance.now());
    this.#socket.send(JSON.stringify({ rid, command, options }));
    return deadline("a reply", new Promise<void>((resolve) => this.#replied.set(rid, resolve)));
  }

  #take({ rid, event, status, payload }: Frame): void {
    const askedAt = this.#asked.get(rid);
    if (askedAt !== undefined) {
      this.#asked.delete(rid);
      this.#delays().replies.push(performance.now() - askedAt);
      if (status !== "ok") this.problems.push(`${event} ${status} ${JSON.stringify(payload)}`);
      this.#replied.get(rid)?.();
      this.#replied.delete(rid);
    } else if (status === "update") {
      const { n, at }: PushData = payload;
      this.pushed.push(n);
      this.#delays().pushes.push(Date.now() - at);
    } else if (status !== "live" && status !== "resync") {
      // A resync tells of a record that nobody can read, which may have been for this client (KAF9).
      this.problems.push(`${event} ${status}`);
    }
  }

  leave(): void {
    this.#isLeaving = true;
    this.#socket.close();
  }
}
