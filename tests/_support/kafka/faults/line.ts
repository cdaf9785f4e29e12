/** One connection through the proxy, as frames. */
import { delay } from "../../../../src/util/delay.ts";
import type { Api } from "./answers.ts";

/** Takes a frame; the next one comes when it has resolved. */
type OnFrame = (line: Line, frame: Uint8Array) => Promise<void>;

/** Milliseconds between two pieces of what is sent slowly. */
const PIECE_MS = 20;

export interface LineOptions {
  /** Of the broker. */
  readonly port: number;
  readonly onRequest: OnFrame;
  readonly onAnswer: OnFrame;
  /** All lines that are open; this one is added until it is closed. */
  readonly open: Set<Line>;
}

export class Line {
  /** Whether nothing comes through any more, though the line is open. */
  isStalled = false;
  /** What was asked, by correlation id. */
  readonly asked = new Map<number, { api: Api; version: number }>();
  readonly #client: Deno.Conn;
  readonly #server: Deno.Conn;
  readonly #open: Set<Line>;
  readonly #closing = new AbortController();

  private constructor(client: Deno.Conn, { server, open }: { server: Deno.Conn; open: Set<Line> }) {
    this.#client = client;
    this.#server = server;
    this.#open = open;
    open.add(this);
  }

  /** Connects a client with a broker, and passes frames on until either ends. */
  static async connect(
    client: Deno.Conn,
    { port, onRequest, onAnswer, open }: LineOptions,
  ): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (!server) return client.close();
    const line = new Line(client, { server, open });
    const pass = async (from: Deno.Conn, onFrame: OnFrame) => {
      try {
        for await (const frame of frames(from)) await onFrame(line, frame);
      } catch {
        // The line was closed.
      }
      line.close();
    };
    pass(client, onRequest);
    pass(server, onAnswer);
  }

  toServer(bytes: Uint8Array): Promise<void> {
    return writeAll(this.#server, bytes);
  }

  toClient(bytes: Uint8Array): Promise<void> {
    return writeAll(this.#client, bytes);
  }

  /** Sends bytes as a slow line does. */
  async toClientSlowly(bytes: Uint8Array, bytesPerSecond: number): Promise<void> {
    const startedAt = performance.now();
    for (let sent = 0; sent < bytes.length;) {
      await delay(PIECE_MS, this.#closing.signal);
      const due = Math.ceil((performance.now() - startedAt) * bytesPerSecond / 1000);
      await this.toClient(bytes.subarray(sent, due));
      sent = due;
    }
  }

  close(): void {
    if (!this.#open.delete(this)) return;
    this.#closing.abort();
    this.#client.close();
    this.#server.close();
  }
}

/** Frames of a connection, with their sizes in front. */
export async function* frames(conn: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(65_536);
  let kept = new Uint8Array();
  for (;;) {
    while (kept.length >= 4) {
      const end = 4 + new DataView(kept.buffer).getInt32(0);
      if (kept.length < end) break;
      yield kept.slice(0, end);
      kept = kept.slice(end);
    }
    const count = await conn.read(buffer);
    if (count === null) return;
    const longer = new Uint8Array(kept.length + count);
    longer.set(kept);
    longer.set(buffer.subarray(0, count), kept.length);
    kept = longer;
  }
}

export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}
