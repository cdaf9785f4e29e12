/** A real HTTP backend. A test sets its answers and sees its calls. */
import { deadline, Queue } from "../queue.ts";

export interface BackendCall {
  method: string;
  /** Path and query. */
  url: string;
  authorization: string | null;
  contentType: string | null;
  body: string;
  /** Resolves when the caller has given up, or has the answer. */
  over(): Promise<void>;
}

export type Responder = (call: BackendCall) => Response | Promise<Response>;

export type Backend = Awaited<ReturnType<typeof startBackend>>;

/**
 * @param users Token → user id
 */
export function startBackend({ users = {} }: { users?: Record<string, string | number> } = {}) {
  const calls: BackendCall[] = [];
  const arrivals = new Queue<BackendCall>();
  const responders = new Map<string, Responder>();

  const standard: Record<string, Responder> = {
    "GET /user": ({ authorization }) =>
      authorization !== null && authorization in users
        ? Response.json({ id: users[authorization], name: authorization })
        : Response.json({ message: "No such token" }, { status: 401 }),
    "GET /notification": ({ url }) =>
      url.includes("status=") ? Response.json({ total: 3 }) : Response.json([{ id: "n1" }]),
    "PUT /notification": () => new Response(null, { status: 204 }),
    "GET /schedule": () => Response.json([{ id: "s1" }]),
    "GET /tournament": ({ url }) => Response.json({ id: url.slice("/tournament/".length) }),
  };

  // Calls that are still held when a test ends would keep shutdown() from ending.
  const abort = new AbortController();
  const server = Deno.serve({
    signal: abort.signal,
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
  }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const call: BackendCall = {
      method: request.method,
      url: pathname + search,
      authorization: request.headers.get("authorization"),
      contentType: request.headers.get("content-type"),
      body: await request.text(),
      over: () =>
        new Promise((resolve) => request.signal.addEventListener("abort", () => resolve())),
    };
    calls.push(call);
    arrivals.push(call);
    const key = `${request.method} /${pathname.split("/")[1]}`;
    const respond = responders.get(key) ?? standard[key];
    return respond ? await respond(call) : new Response("not found", { status: 404 });
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;

  return {
    origin,
    /** All calls so far. */
    calls,
    /** The next call that no one has waited for yet. */
    nextCall: () => deadline("a backend call", arrivals.next()),
    /** Forgets the calls so far. */
    forget() {
      calls.length = 0;
      arrivals.takeAll();
    },
    /** Gives other answers from now on. An example of `key` is `GET /user`. */
    on(key: string, responder: Responder) {
      responders.set(key, responder);
    },
    /** Answers that wait until they are let go, one promise for each call. */
    hold(key: string, response: () => Response = () => Response.json([{ id: "held" }])) {
      const held = new Queue<(response?: Response) => void>();
      responders.set(key, () => {
        const { promise, resolve } = Promise.withResolvers<Response>();
        held.push((other) => resolve(other ?? response()));
        return promise;
      });
      /** The next held call's release. */
      return () => deadline(`a held ${key}`, held.next());
    },
    reset(key: string) {
      responders.delete(key);
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await server.finished;
    },
  };
}
