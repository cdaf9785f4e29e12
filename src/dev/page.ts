/**
 * The page at `/` of `deno task dev`. The demo backend is below `/demo/`, so that the page asks only
 * the server that it comes from.
 */
import { isGet, methodNotAllowed } from "../http/health.ts";
import { type Fallback, notFound } from "../http/server.ts";
import connection from "./page/connection.js" with { type: "text" };
import create from "./page/create.js" with { type: "text" };
import demo from "./page/demo.js" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import frames from "./page/frames.js" with { type: "text" };
import icon from "./page/icon.svg" with { type: "text" };
import inbox from "./page/inbox.js" with { type: "text" };
import html from "./page/index.html" with { type: "text" };
import main from "./page/main.js" with { type: "text" };
import resuming from "./page/resuming.js" with { type: "text" };
import state from "./page/state.js" with { type: "text" };
import css from "./page/style.css" with { type: "text" };

const SCRIPTS = { connection, create, demo, dom, frames, inbox, main, resuming, state };

/** The page may load only from its own server, and has no inline scripts or styles. */
const POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "object-src 'none'";

/** Makes the handler of all paths that the service does not know. */
export function createPage(
  demoBackend: (request: Request) => Response | Promise<Response>,
): Fallback {
  const files = new Map([
    ["/", file("text/html", html)],
    ["/page/style.css", file("text/css", css)],
    ["/page/icon.svg", file("image/svg+xml", icon)],
    ...Object.entries(SCRIPTS).map(([name, text]) => script(`/page/${name}.js`, text)),
  ]);

  return (request) => {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/demo/")) {
      url.pathname = url.pathname.slice("/demo".length);
      return demoBackend(new Request(url, request));
    }
    const found = files.get(url.pathname);
    if (!found) return notFound();
    if (!isGet(request)) return methodNotAllowed();
    return new Response(found.text, {
      headers: {
        "content-type": `${found.type}; charset=utf-8`,
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      },
    });
  };
}

interface File {
  readonly type: string;
  readonly text: string;
}

function file(type: string, text: string): File {
  return { type, text };
}

function script(path: string, text: string): [string, File] {
  return [path, file("text/javascript", text)];
}
