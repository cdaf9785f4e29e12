/** Clients that are subscribed, and count the bytes that come; told of the port and their number. */
import { clientFrame, openQuickSocket } from "../quick_socket.ts";

const [port, count] = Deno.args.map(Number);
const frames = [
  { rid: 1, command: "authentication", options: { authToken: "alice" } },
  { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
].map((request) => clientFrame(JSON.stringify(request)));

let bytes = 0;
const reading: Promise<void>[] = [];
for (let i = 0; i < (count ?? 0); i++) {
  const { conn, readUntil } = await openQuickSocket({ port: port ?? 0, frames });
  await readUntil('"rid":2');
  reading.push(
    (async () => {
      const buffer = new Uint8Array(65_536);
      for (let count; (count = await conn.read(buffer)) !== null;) bytes += count;
    })().catch(() => {}),
  );
}
// deno-lint-ignore no-console
const say = (line: unknown) => console.log(JSON.stringify(line));
say({ connected: reading.length });
for await (const _ of Deno.stdin.readable) {
  say({ bytes });
}
