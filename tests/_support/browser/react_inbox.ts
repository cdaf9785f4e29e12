/** The inbox of the client package's README, with one version of React, as a page of a server of its own. */
import { assert } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installClient } from "../clients/package.ts";
import { startProxy } from "../network/proxy.ts";
import { startDev } from "../service/process.ts";
import { startWindows } from "./windows.ts";

const README = fileURLToPath(import.meta.resolve("../../../src/build/client_package.md"));

/** Renders the inbox to a string, as a server does, and a component that lacks the provider. */
const SERVER = `
import { useUnread } from "@wss/client/react";
import { renderToString } from "react-dom/server";
import { App } from "./inbox.tsx";

function Lost() {
  return useUnread();
}

const [url, token] = Deno.args;
const html = renderToString(<App url={url} token={token} />);
try {
  renderToString(<Lost />);
} catch ({ message }) {
  console.log(JSON.stringify({ html, message }));
}
`;

/** Takes over what the server has rendered. */
const BROWSER = `
import { StrictMode, version } from "react";
import { hydrateRoot } from "react-dom/client";
import { App } from "./inbox.tsx";
const { url, token } = document.body.dataset;
document.body.dataset.version = version;
const inbox = (isShown) => <StrictMode>{isShown && <App url={url} token={token} />}</StrictMode>;
const root = hydrateRoot(document.getElementById("root"), inbox(true));
globalThis.unmount = () => root.render(inbox(false));
`;

/** Notes the sockets of the page, and the commands that are sent on them. */
const SOCKETS = `
globalThis.sockets = [];
globalThis.WebSocket = class extends WebSocket {
  commands = [];
  constructor(...args) {
    super(...args);
    sockets.push(this);
  }
  send(text) {
    this.commands.push(JSON.parse(text).command);
    super.send(text);
  }
};
`;

/** The example of the README. */
async function readExample(): Promise<string> {
  const [, example] = /^```tsx\n([^]*?)^```$/m.exec(await Deno.readTextFile(README)) ?? [];
  if (example === undefined) throw new Error("The README has no example for React");
  return example;
}

/** Builds the page. Deno's bundler takes the development build of React, which has StrictMode. */
async function build(dir: string, { react, props }: { react: string; props: string[] }) {
  const client = `${dir}/node_modules/@wss/client`;
  const files = {
    "inbox.tsx": await readExample(),
    "server.tsx": SERVER,
    "browser.tsx": BROWSER,
    "deno.json": JSON.stringify({
      compilerOptions: { jsx: "react-jsx", jsxImportSource: "react" },
      nodeModulesDir: "none",
      imports: {
        "@wss/client/react": `${client}/react/mod.js`,
        "react": `npm:react@${react}`,
        "react/": `npm:/react@${react}/`,
        "react-dom/": `npm:/react-dom@${react}/`,
      },
    }),
  };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(dir, name), text);
  const [rendered, script] = await Promise.all([
    run(["run", "--no-lock", "--allow-env=NODE_ENV", join(dir, "server.tsx"), ...props]),
    run(["bundle", "--no-lock", "--platform", "browser", join(dir, "browser.tsx")]),
  ]);
  return { ...JSON.parse(rendered) as { html: string; message: string }, script };

  async function run(args: string[]): Promise<string> {
    const config = ["--quiet", "--config", join(dir, "deno.json")];
    const [command = "", ...rest] = args;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [command, ...config, ...rest],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  }
}

/** Starts the demo service, and a page with Alice's inbox. */
export async function startInbox(react: string) {
  await using started = new AsyncDisposableStack();
  const dev = started.use(await startDev());
  const proxy = started.use(startProxy(dev.url.replace(/\/web$/, "")));
  const client = started.use(await installClient());
  const props = { url: `${proxy.ws}/web`, token: "alice-token" };
  const { html, message, script } = await build(client.dir, { react, props: Object.values(props) });
  const page = `<!doctype html><title>Inbox</title><link rel="icon" href="data:,">` +
    `<body data-url="${props.url}" data-token="${props.token}"><div id="root">${html}</div>` +
    `<script>${SOCKETS}</script><script type="module" src="/script.js"></script>`;
  const server = started.use(
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const isScript = new URL(request.url).pathname === "/script.js";
      const type = isScript ? "text/javascript" : "text/html";
      return new Response(isScript ? script : page, {
        headers: { "content-type": `${type}; charset=utf-8` },
      });
    }),
  );
  const windows = started.use(await startWindows());
  const resources = started.move();
  return {
    /** What a server renders. */
    html,
    /** What it says of a hook without a provider. */
    message,
    proxy,
    demoUrl: dev.demoUrl,
    open: () => windows.open(`http://127.0.0.1:${server.addr.port}/`),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
