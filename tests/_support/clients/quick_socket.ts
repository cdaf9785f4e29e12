/** Cheap connections, for many of them: they send at once, and do not parse what arrives. */

/** The head of an upgrade. */
const HANDSHAKE: readonly string[] = [
  "host: wss",
  "upgrade: websocket",
  "connection: Upgrade",
  "sec-websocket-version: 13",
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One frame as a client sends it, with a mask of zeros; less than 64 KiB. */
export function clientFrame(text: string, opcode = 1): Uint8Array {
  const payload = encoder.encode(text);
  const { length } = payload;
  const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
  return new Uint8Array([0x80 | opcode, ...size, 0, 0, 0, 0, ...payload]);
}

export interface QuickSocket {
  readonly conn: Deno.Conn;
  /** Reads until a text has come, or the end. Gives everything that has come. */
  readUntil(text: string): Promise<string>;
}

/** Asks for an upgrade, or for something else, and sends frames without waiting for it. */
export async function openQuickSocket(
  { port, path = "/web", head = HANDSHAKE, protocol, frames = [] }: {
    port: number;
    path?: string;
    /** The lines of the request's head after the first one; by default those of an upgrade. */
    head?: readonly string[];
    /** Subprotocols to offer. */
    protocol?: string;
    frames?: Uint8Array[];
  },
): Promise<QuickSocket> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const offer = protocol === undefined ? [] : [`sec-websocket-protocol: ${protocol}`];
  const lines = [`GET ${path} HTTP/1.1`, ...head, ...offer].map((line) => `${line}\r\n`);
  const bytes = [encoder.encode(`${lines.join("")}\r\n`), ...frames];
  await conn.write(new Uint8Array(bytes.flatMap((part) => [...part])));
  let seen = "";
  const buffer = new Uint8Array(16_384);
  return {
    conn,
    async readUntil(text) {
      while (!seen.includes(text)) {
        const count = await conn.read(buffer).catch(() => null);
        if (count === null) break;
        seen += decoder.decode(buffer.subarray(0, count));
      }
      return seen;
    },
  };
}
