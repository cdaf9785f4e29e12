/**
 * A process with the APIs: fast for users, slow for tokens that it does not know, with lists of 4 MB for
 * those who ask for them, and with an API of which a part answers 503.
 */
import { delay } from "../../../src/util/delay.ts";
import { answer, say } from "../../bench/harness/parent.ts";

const NEVER = new AbortController().signal;
/** Milliseconds until the user API refuses a token. */
const REFUSAL_MS = 5000;
const LARGE_LIST = JSON.stringify(["x".repeat(4 * 1024 ** 2)]);

const answers: Record<string, (call: { url: URL; token: string }) => Response | Promise<Response>> =
  {
    "/user": async ({ token }) => {
      if (token.startsWith("user-")) return Response.json({ id: token });
      await delay(REFUSAL_MS, NEVER);
      return Response.json({ message: "No such token" }, { status: 401 });
    },
    "/notification": ({ url }) =>
      url.searchParams.has("status") ? Response.json({ total: 3 }) : Response.json([]),
    "/schedule": ({ url }) =>
      url.searchParams.get("tz") === "large"
        ? new Response(LARGE_LIST)
        : Response.json([{ id: "s1" }]),
    "/tournament": ({ url }) =>
      url.pathname.endsWith("down")
        ? new Response("down", { status: 503 })
        : Response.json({ id: "t1" }),
  };

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
  const url = new URL(request.url);
  const respond = answers[`/${url.pathname.split("/")[1]}`];
  const token = request.headers.get("authorization") ?? "";
  return await respond?.({ url, token }) ?? new Response(null, { status: 404 });
});
say({ port: server.addr.port });
await answer(() => ({}));
