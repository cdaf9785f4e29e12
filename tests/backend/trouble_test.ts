import { assert, assertEquals } from "@std/assert";
import { freePort } from "../_support/network/free_port.ts";
import { startWss } from "../_support/service/wss.ts";

const LIST = { where: { types: [] } };
const CLIENTS = 20;
const ROUNDS = 3;
/** Milliseconds for an answer: enough for all tries, also on a busy machine. */
const TIMEOUT_MS = 5000;

type Behaviour = "down" | ((conn: Deno.Conn) => Promise<void>);

/** An API whose behaviour can change for each connection, and that can be down. */
function startUnreliableApi() {
  const port = freePort();
  const open = new Set<Deno.Conn>();
  let behave: Behaviour = "down";
  let listener: Deno.Listener | undefined;

  async function serve(listener: Deno.Listener): Promise<void> {
    for await (const conn of listener) {
      open.add(conn);
      if (behave !== "down") behave(conn).catch(() => {});
    }
  }

  const api = {
    url: `http://127.0.0.1:${port}/`,
    become(behaviour: Behaviour) {
      behave = behaviour;
      for (const conn of open) close(conn);
      open.clear();
      if (behaviour === "down") {
        listener?.close();
        listener = undefined;
      } else if (!listener) {
        listener = Deno.listen({ hostname: "127.0.0.1", port });
        serve(listener).catch(() => {});
      }
    },
    [Symbol.dispose]: () => api.become("down"),
  };
  return api;
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    // The connection was already closed.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** Reads a request, and answers with this head and body. */
function answer(head: string, body = ""): Behaviour {
  return async (conn) => {
    await conn.read(new Uint8Array(65_536));
    const length = `content-length: ${body.length}\r\nconnection: close\r\n\r\n`;
    await conn.write(new TextEncoder().encode(`${head}\r\n${length}${body}`));
  };
}

const OK = answer("HTTP/1.1 200 OK", `{"total":1}`);

const TROUBLES: Record<string, { behaviour: Behaviour; slugs: string[]; timeoutMs?: number }> = {
  "is down": { behaviour: "down", slugs: ["backend-unavailable"] },
  "is slow": {
    behaviour: () => Promise.resolve(),
    timeoutMs: 500,
    // overloaded: requests that have not left the pool's queue in time.
    slugs: ["backend-timeout", "overloaded"],
  },
  "answers 500": { behaviour: answer("HTTP/1.1 500 No"), slugs: ["backend-unavailable"] },
  "answers 429": {
    behaviour: answer("HTTP/1.1 429 No\r\nretry-after: 7"),
    slugs: ["backend-unavailable"],
  },
  "answers no JSON": {
    behaviour: answer("HTTP/1.1 200 OK", "<html>"),
    slugs: ["backend-invalid"],
  },
  "answers no HTTP": {
    behaviour: async (conn) => {
      await conn.read(new Uint8Array(65_536));
      await conn.write(new TextEncoder().encode("what?\r\n\r\n"));
      close(conn);
    },
    slugs: ["backend-unavailable"],
  },
  // Closing with unread data makes it a reset.
  "resets connections": {
    behaviour: async (conn) => {
      await conn.read(new Uint8Array(1));
      close(conn);
    },
    slugs: ["backend-unavailable"],
  },
};

for (const [name, { behaviour, slugs, timeoutMs = TIMEOUT_MS }] of Object.entries(TROUBLES)) {
  Deno.test(`[BCK3] an API ${name}: its commands get an error in time, other commands go on, and it recovers`, async () => {
    using api = startUnreliableApi();
    api.become(OK);
    await using wss = await startWss({
      settings: {
        API_URL_NOTIFICATION: new URL(api.url),
        BACKEND_TIMEOUT_MS: timeoutMs,
        REQUEST_POOL_SIZE: 2 * CLIENTS,
      },
    });
    await using stack = new AsyncDisposableStack();
    const clients = [];
    for (let i = 0; i < CLIENTS; i++) {
      const client = stack.use(await wss.connect("/mobile", { token: "alice" }));
      await client.request("getMyNotifications", LIST);
      clients.push(client);
    }

    api.become(behaviour);
    for (let round = 0; round < ROUNDS; round++) {
      const startedAt = performance.now();
      const asked = clients.map((client) => ({
        client,
        rids: [
          client.ask("getMyNotifications", LIST),
          client.ask("getMyNotificationsCount", { ...LIST, status: "read" }),
          client.ask("updateNotifications", { where: { notifications: [] }, status: "read" }),
        ],
      }));
      wss.publish("notification", { userId: "42", type: "a", data: round });
      // Another API has its own pool.
      const other = await stack.use(await wss.connect("/mobile"))
        .request("getTournament", { where: { id: round } });
      assertEquals(other.status, "ok");
      for (const { client, rids } of asked) {
        for (const rid of rids) {
          // An update is tried only once, and its answer needs no body.
          const { status, payload } = await client.reply(rid);
          const slug = status === "ok" ? slugs[0] : payload.error[0].Slug;
          assert(slugs.includes(slug), `${slug} for ${rid} of ${rids}`);
          const { RetryAfterMs } = payload?.error[0] ?? {};
          if (name === "answers 429") assertEquals(RetryAfterMs, 7000);
        }
        assertEquals((await client.next()).payload, round);
      }
      // The update waits for the requests before it.
      assert(performance.now() - startedAt < 3 * TIMEOUT_MS);
    }

    api.become(OK);
    for (const client of clients) {
      assertEquals((await client.request("getMyNotifications", LIST)).status, "ok");
    }
    assertEquals(wss.service.sessions.size, CLIENTS + ROUNDS);
  });
}
