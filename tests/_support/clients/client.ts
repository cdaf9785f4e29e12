/** A client over a real socket, which keeps every frame until a test asks for it. */
import { deadline, Queue } from "../queue.ts";

export interface Frame {
  rid: number;
  event: string;
  status: string;
  // deno-lint-ignore no-explicit-any
  payload: any;
  id?: string;
  cursor?: string;
  recovered?: boolean;
}

/** What came as one frame: a message, or an array of them. */
export function messagesOf(text: string): Frame[] {
  return [JSON.parse(text)].flat();
}

/** Frames as they were before there were cursors. */
export function withoutCursor(frames: Frame[]): Frame[] {
  return frames.map(({ cursor: _, ...frame }) => frame);
}

export interface Ended {
  code: number;
  reason: string;
}

export type Client = Awaited<ReturnType<typeof connect>>;

export async function connect(
  url: string,
  { protocols = [], token }: { protocols?: string[]; token?: string } = {},
) {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  const frames = new Queue<string>();
  const ended = Promise.withResolvers<Ended>();
  const opened = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onmessage = ({ data }) => frames.push(data);
  socket.onerror = () => opened.reject(new Error(`Cannot connect to ${url}`));
  socket.onclose = ({ code, reason }) => {
    opened.reject(new Error(`Closed with ${code}`));
    ended.resolve({ code, reason });
    frames.end(new Error(`The connection has ended: ${code} ${reason}`));
  };
  await deadline("the upgrade", opened.promise);

  let lastRid = 0;
  /** Frames that arrived while a test waited for another frame. */
  const kept: Frame[] = [];

  const client = {
    socket,
    /** Resolves when the connection has ended. */
    ended: ended.promise,
    /** Sends text as it is, anything else as JSON. */
    send(frame: unknown) {
      socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    },
    /** The next frame of any kind, as text. */
    nextText: () => deadline("a frame", frames.next()),
    /** The next message of any kind. The messages of an array come one after the other. */
    async next(): Promise<Frame> {
      if (kept.length === 0) kept.push(...messagesOf(await client.nextText()));
      return kept.shift() as Frame;
    },
    /** The reply to this rid. Other frames on the way are kept for {@linkcode next}. */
    async reply(rid: number): Promise<Frame> {
      for (let from = 0;;) {
        const found = kept.findIndex((frame, i) => i >= from && frame.rid === rid);
        if (found >= 0) return kept.splice(found, 1)[0] as Frame;
        from = kept.length;
        kept.push(...messagesOf(await client.nextText()));
      }
    },
    /** Sends a request with a rid of its own, and gives the rid. */
    ask(command: string, options: unknown = {}): number {
      client.send({ rid: ++lastRid, command, options });
      return lastRid;
    },
    request(command: string, options: unknown = {}): Promise<Frame> {
      return client.reply(client.ask(command, options));
    },
    /** What was pushed until now: all that comes before the reply to one more request. */
    async pushesUntilIdle(): Promise<Frame[]> {
      await client.request("subscription", { ids: [], action: "unsubscribe" });
      return kept.splice(0);
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await deadline("the close", ended.promise);
    },
  };
  if (token !== undefined) {
    const { status } = await client.request("authentication", { authToken: token });
    if (status !== "ok") throw new Error(`Cannot log in as ${token}: ${status}`);
  }
  return client;
}
