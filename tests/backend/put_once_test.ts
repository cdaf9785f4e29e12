import { assertEquals } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const UPDATE = { where: { notifications: ["1"] }, status: "read" };
/** As long as `PUT `, or any other beginning. */
const BEGINNING = 4;

/** How the API breaks a connection on which a PUT begins. */
const ENDS: Record<string, (conn: Deno.Conn) => Promise<void>> = {
  "reads it and closes the connection": async (conn) => {
    await readHead(conn);
  },
  // Closing with unread data makes it a reset.
  "resets the connection": () => Promise.resolve(),
  "breaks off in the head of its answer": async (conn) => {
    await readHead(conn);
    await conn.write(new TextEncoder().encode("HTTP/1.1 204 No Cont"));
  },
};

/** Reads the rest of a request: a PUT of these tests fits into one read, together with its body. */
async function readHead(conn: Deno.Conn): Promise<void> {
  await conn.read(new Uint8Array(65_536));
}

/** An API that keeps connections open after each GET, and ends one on which a PUT comes. */
function startBreakingApi(end: (conn: Deno.Conn) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  let connections = 0;

  async function serve(conn: Deno.Conn): Promise<void> {
    connections++;
    const beginning = new Uint8Array(BEGINNING);
    while (await conn.read(beginning) !== null) {
      const method = new TextDecoder().decode(beginning).trim();
      requests.push(method);
      if (method === "PUT") {
        await end(conn);
        conn.close();
        return;
      }
      await readHead(conn);
      const head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
      await conn.write(new TextEncoder().encode(`${head}[]`));
    }
    conn.close();
  }

  (async () => {
    const serving: Promise<void>[] = [];
    for await (const conn of listener) serving.push(serve(conn));
    await Promise.allSettled(serving);
  })();
  return {
    url: new URL(`http://127.0.0.1:${listener.addr.port}/`),
    requests,
    get connections() {
      return connections;
    },
    [Symbol.dispose]: () => listener.close(),
  };
}

for (const [way, end] of Object.entries(ENDS)) {
  Deno.test(`[BCK4] a PUT arrives once at an API that ${way}`, async () => {
    using api = startBreakingApi(end);
    {
      await using wss = await startWss({ settings: { API_URL_NOTIFICATION: api.url } });
      await using client = await wss.connect("/web", { token: "alice" });
      for (let i = 0; i < 3; i++) await client.request("getMyNotifications", LIST);
      // So a connection is open that the runtime uses again.
      assertEquals(api.connections, 1);

      const { status, payload } = await client.request("updateNotifications", UPDATE);

      assertEquals([status, payload.error[0].Slug], ["error", "backend-unavailable"]);
      await client.request("getMyNotifications", LIST);
    }
    assertEquals(api.requests, ["GET", "GET", "GET", "PUT", "GET"]);
  });
}
