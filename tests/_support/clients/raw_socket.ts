/** A WebSocket peer that a test controls byte by byte. */
import { deadline } from "../queue.ts";
import type { Frame } from "./client.ts";

/** Milliseconds of reading at a time, if its speed is limited. */
const PACE_MS = 10;

/** A WebSocket peer that does only what the test asks for: it answers no ping and may stop reading. */
export async function openRawSocket(url: string, headers: Record<string, string> = {}) {
  const { hostname, port, pathname } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({
    host: `${hostname}:${port}`,
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  await conn.write(new TextEncoder().encode(`GET ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`));
  let head = "";
  const byte = new Uint8Array(1);
  while (!head.endsWith("\r\n\r\n") && await conn.read(byte) !== null) {
    head += String.fromCharCode(byte[0] ?? 0);
  }

  let bytesPerSecond = Infinity;
  let due = 0;

  async function readExactly(length: number): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(length);
    for (let read = 0; read < length;) {
      const most = Math.min(length, read + bytesPerSecond * PACE_MS / 1000);
      const count = await conn.read(bytes.subarray(read, most)).catch(() => null);
      if (count === null) return null;
      read += count;
      if (bytesPerSecond === Infinity) continue;
      // No more than that, however small the reads are.
      due = Math.max(due, performance.now()) + count / bytesPerSecond * 1000;
      const early = due - performance.now();
      if (early > PACE_MS) await new Promise((resolve) => setTimeout(resolve, early));
    }
    return bytes;
  }

  async function readFrame(): Promise<{ opcode: number; payload: Uint8Array } | null> {
    const start = await readExactly(2);
    if (!start) return null;
    const [first = 0, second = 0] = start;
    let length = second & 127;
    if (length === 126) {
      const [high = 0, low = 0] = await readExactly(2) ?? [];
      length = high << 8 | low;
    } else if (length === 127) {
      const size = await readExactly(8) ?? new Uint8Array(8);
      length = Number(new DataView(size.buffer).getBigUint64(0));
    }
    const payload = await readExactly(length);
    return payload && { opcode: first & 15, payload };
  }

  return {
    /** From now on it reads no faster. */
    limitReading(limit: number) {
      bytesPerSecond = limit;
    },
    /** The response's head, as text. */
    head,
    /** Sends one frame, masked as a client must; `opcode` 1 is text, 2 binary, 8 close, 0 more. */
    async sendFrame(payload: Uint8Array, { opcode = 1, fin = true } = {}) {
      const { length } = payload;
      const size = length < 126
        ? [0x80 | length]
        : length < 65_536
        ? [0x80 | 126, length >> 8, length & 255]
        : [
          0x80 | 127,
          0,
          0,
          0,
          0,
          length >>> 24,
          length >> 16 & 255,
          length >> 8 & 255,
          length & 255,
        ];
      // A mask of zeros leaves the payload as it is.
      const frame = new Uint8Array([fin ? 0x80 | opcode : opcode, ...size, 0, 0, 0, 0, ...payload]);
      await this.sendBytes(frame);
    },
    /** Sends bytes as they are. */
    async sendBytes(bytes: Uint8Array) {
      for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
    },
    /** Reads one frame; `null` when the server has hung up. */
    readFrame: () => deadline("a frame", readFrame(), 60_000),
    /** Sends a request. */
    request(request: unknown) {
      return this.sendFrame(new TextEncoder().encode(JSON.stringify(request)));
    },
    /** Reads one frame of text, as JSON; `null` at the end. */
    async readJson(): Promise<Frame | null> {
      const frame = await this.readFrame();
      return frame?.opcode === 1 ? JSON.parse(new TextDecoder().decode(frame.payload)) : null;
    },
    [Symbol.dispose]: () => conn.close(),
  };
}
