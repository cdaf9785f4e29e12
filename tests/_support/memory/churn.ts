/** Connections that come and go. */
import { clientFrame, openQuickSocket } from "../clients/quick_socket.ts";

const AT_ONCE = 1000;
export const SUBSCRIBE = [
  { rid: 1, command: "authentication", options: { authToken: "alice" } },
  { rid: 2, command: "getMyNotifications", options: { where: { types: [] } } },
].map((request) => clientFrame(JSON.stringify(request)));
const SLOW = clientFrame('{"rid":3,"command":"getTournament","options":{"where":{"id":"slow"}}}');

/** Ways to end a connection after the client has subscribed. */
const ENDS: ((conn: Deno.Conn) => Promise<unknown>)[] = [
  // It says so, and waits for the answer.
  async (conn) => {
    await conn.write(clientFrame("", 8));
    while (await conn.read(new Uint8Array(1000)) !== null);
  },
  // It says nothing.
  () => Promise.resolve(),
  // It is in the middle of a frame.
  (conn) => conn.write(SLOW.subarray(0, 20)),
  // It is in the middle of a command, and a login waits.
  async (conn) => {
    await conn.write(SLOW);
    await conn.write(SUBSCRIBE[0] ?? SLOW);
  },
  // It does not read what has come, so its close is a reset.
  async (conn) => {
    await conn.write(SUBSCRIBE[1] ?? SLOW);
    await conn.write(clientFrame('{"rid":9}'));
  },
];

/** Opens connections, subscribes, and ends them in every way; `SUBSCRIBE` is of the user alice. */
export async function churn(port: number, count: number): Promise<void> {
  let started = 0;
  const worker = async () => {
    while (started < count) {
      const end = ENDS[started++ % ENDS.length];
      const socket = await openQuickSocket({ port, path: "/mobile", frames: SUBSCRIBE });
      await socket.readUntil('"rid":2');
      // It may have been closed from the other side: it answers no ping.
      await end?.(socket.conn).catch(() => {});
      socket.conn.close();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
