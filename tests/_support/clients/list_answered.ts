import type { Wss } from "../service/wss.ts";

/** Lets the backend answer a list, and gives what its client gets. */
export async function listAnswered(wss: Wss, respond: () => Response | Promise<Response>) {
  await using client = await wss.connect("/web", { token: "alice" });
  wss.backend.on("GET /notification", respond);
  const { status, payload } = await client.request("getMyNotifications", { where: { types: [] } });
  return { status, payload, slug: payload?.error?.[0]?.Slug, entry: payload?.error?.[0] };
}
