/**
 * A backend to try the service with: it has the four APIs that the service asks. It also creates
 * notifications and matches, and publishes them to the topic, as a real backend does.
 */
import * as z from "zod";
import { DEMO_USERS, DemoStore, type DemoUser } from "./demo_store.ts";

/** Publishes a message to the topic. */
export type Publish = (value: string) => unknown;

const newNotification = z.object({
  userId: z.union([z.string(), z.int()]).transform(String).default(DEMO_USERS[0].id),
  type: z.string().default("message"),
  data: z.json().default(null),
});
const newMatch = z.object({
  name: z.string().min(1),
  at: z.int().positive().default(() => Math.floor(Date.now() / 1000) + 3600),
  gameId: z.string().default("7"),
  tournamentId: z.string().default("spring-cup"),
});
const statusUpdate = z.object({
  ids: z.array(z.string()).default([]),
  status: z.enum(["unseen", "unread", "read"]),
});

/** Makes the backend, a handler for `Deno.serve`. */
export function createDemoBackend(publish: Publish): (request: Request) => Promise<Response> {
  const store = new DemoStore();

  async function publishMessage(type: string, document: unknown): Promise<void> {
    await publish(JSON.stringify({ type, document }));
  }

  async function route(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [path, id] = pathname.startsWith("/tournaments/")
      ? ["/tournaments", decodeURIComponent(pathname.slice("/tournaments/".length))]
      : [pathname, ""];
    switch (`${request.method} ${path}`) {
      case "GET /users":
        return Response.json(DEMO_USERS);
      case "GET /users/me":
        return withUser(request, ({ id, name }) => Response.json({ id, name }));
      case "GET /users/me/notifications":
        return withUser(request, ({ id }) => listNotifications(store, id, searchParams));
      case "PUT /users/me/notifications": {
        const { ids, status } = statusUpdate.parse(await request.json());
        return withUser(request, async (user) => {
          // The user may have several clients, and all of them should show the new status.
          for (const data of store.setStatus(user.id, { status, ids })) {
            await publishMessage("notification", { userId: user.id, type: data.type, data });
          }
          return new Response(null, { status: 204 });
        });
      }
      case "POST /notifications": {
        const { userId, type, data } = newNotification.parse(await request.json());
        const created = store.createNotification(userId, { type, data });
        await publishMessage("notification", { userId, type, data: created });
        return Response.json(created, { status: 201 });
      }
      case "GET /schedules":
        return Response.json({
          items: store.listMatches({
            from: Number(searchParams.get("from")),
            to: Number(searchParams.get("to")),
          }),
        });
      case "POST /schedules": {
        const created = store.createMatch(newMatch.parse(await request.json()));
        await publishMessage("update_subscription", {
          resource: "schedule",
          options: { reload: true },
        });
        return Response.json(created, { status: 201 });
      }
      case "GET /tournaments": {
        const tournament = store.tournament(id);
        return tournament ? Response.json(tournament) : notFound();
      }
      default:
        return notFound();
    }
  }

  return async (request) => {
    if (isFromOtherSite(request)) {
      return Response.json({ message: "Only its own page may ask the demo backend" }, {
        status: 403,
      });
    }
    try {
      return await route(request);
    } catch (error) {
      if (
        !(error instanceof z.ZodError || error instanceof SyntaxError || error instanceof URIError)
      ) throw error;
      return Response.json({ message: `Cannot read the request: ${error.message}` }, {
        status: 400,
      });
    }
  };
}

/** Whether a page of another site asks. A browser asks before it is known if the page may read. */
function isFromOtherSite({ headers, url }: Request): boolean {
  const origin = headers.get("origin");
  return origin !== null && origin !== new URL(url).origin;
}

function withUser(
  request: Request,
  respond: (user: DemoUser) => Response | Promise<Response>,
): Response | Promise<Response> {
  const token = request.headers.get("authorization");
  const user = DEMO_USERS.find((user) => user.token === token);
  return user ? respond(user) : Response.json({ message: "Unknown token" }, { status: 401 });
}

function listNotifications(store: DemoStore, user: string, params: URLSearchParams): Response {
  return Response.json(store.listNotifications(user, {
    types: params.getAll("type"),
    status: params.get("status") ?? undefined,
    limit: Number(params.get("limit")),
    skip: Number(params.get("skip")),
    oldestFirst: params.get("sort") === "createdAt",
  }));
}

function notFound(): Response {
  return Response.json({ message: "Not found" }, { status: 404 });
}
