/** A client that one instance sends away, and that resumes on another instance. */
import { type Client, connect, type Frame } from "./client.ts";
import { deadline } from "../queue.ts";

export class MovingClient {
  readonly #token: string;
  #client: Client | undefined;
  #cursor: string | undefined;
  /** Milliseconds after which the instance asked it to leave (LIFE4). */
  slotMs: number | undefined;
  /** All pushes that it got, on all connections. */
  readonly pushed: { id: string | undefined; payload: unknown }[] = [];

  constructor(token: string) {
    this.#token = token;
  }

  /** Connects and subscribes, with the latest cursor if there is one; gives the list's reply. */
  async subscribe(url: string): Promise<Frame> {
    this.#client = await connect(url, { protocols: ["wss.v1"], token: this.#token });
    const list = { where: { types: [] }, since: this.#cursor };
    const reply = await this.#client.request("getMyNotifications", list);
    this.#cursor = reply.cursor;
    return reply;
  }

  /** Takes frames until this push has come. */
  async untilPushed(payload: unknown): Promise<void> {
    while (this.pushed.at(-1)?.payload !== payload) this.#take(await this.#connected.next());
  }

  /** Takes frames until the connection ends, and gives the close code. */
  async untilClosed(): Promise<number> {
    const client = this.#connected;
    for (;;) {
      const frame = await client.next().catch(() => null);
      if (frame === null) return (await deadline("the close", client.ended)).code;
      this.#take(frame);
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#client?.[Symbol.asyncDispose]();
  }

  get #connected(): Client {
    if (!this.#client) throw new Error("It has not connected yet");
    return this.#client;
  }

  #take({ status, payload, id, cursor }: Frame): void {
    this.#cursor = cursor ?? this.#cursor;
    if (status === "reconnect") this.slotMs = payload.afterMs;
    else if (status !== "live") this.pushed.push({ id, payload });
  }
}
