/** A folder into which npm has installed the client's package, from its tarball, and tools. */
import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { buildClient } from "../../src/build/client_package.ts";

/** A tool that programs are built with. */
export interface Tool {
  readonly name: string;
  /** What npm has to install for it. */
  readonly packages: readonly string[];
  /** Fails if the tool can't use the package. The service is one of tests, and knows `alice`. */
  run(project: Project, url: string): Promise<void>;
}

export type Project = Awaited<ReturnType<typeof installProject>>;

/** What every program imports beside the package. */
const PEERS = ["react@19.3.1", "@types/react@19.3.3"];

/** Runs a program, and gives what it prints. */
async function run(cwd: string, [file = "", ...args]: string[], env = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(file, { args, cwd, env }).output();
  const [said, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, `${file} ${args.join(" ")}\n${said}${complaints}`);
  return `${said}`;
}

export async function installProject(packages: readonly string[]) {
  const dir = await Deno.makeTempDir({ prefix: "wss-tools-" });
  const files = async (texts: Record<string, string>) => {
    for (const [path, text] of Object.entries(texts)) {
      await Deno.mkdir(dirname(join(dir, path)), { recursive: true });
      await Deno.writeTextFile(join(dir, path), text);
    }
  };
  await buildClient(join(dir, "package"));
  const tarball = (await run(dir, ["npm", "pack", "--silent", "./package"])).trim();
  await files({ "package.json": `{ "private": true, "type": "module" }` });
  await run(
    dir,
    ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"].concat(
      `./${tarball}`,
      ...PEERS,
      [...new Set(packages)],
    ),
  );

  return {
    /** Writes files into the folder. */
    files,
    /** Reads a file of the package. */
    read: (path: string) => Deno.readTextFile(join(dir, "node_modules/@wss/client", path)),
    /** Runs a script, which may be a tool's, with Node. */
    node: (script: string, { args = [], cwd = ".", options = [] }: {
      args?: string[];
      cwd?: string;
      options?: string[];
    } = {}) =>
      run(
        join(dir, cwd),
        ["node", "--no-warnings", ...options, join(dir, script), ...args],
        // Node 20 has no WebSocket without it. Tools start further processes.
        { NODE_OPTIONS: "--experimental-websocket", NO_COLOR: "1" },
      ),
    /** Runs a program that was built of {@linkcode programFor}. */
    async assertWorks(path: string) {
      const [value, ...types] = JSON.parse(await this.node(path));
      assertEquals(value, { kind: "list", items: [{ id: "n1" }] });
      assertEquals(types, ["function", "function", "function", "function"]);
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** A program that gets a list from the service, and prints it with the kind of what it imports. */
export function programFor(url: string): string {
  return `
import { connect, WssError } from "@wss/client";
import { useNotifications, useUnread, WssProvider } from "@wss/client/react";

const wss = connect("${url}", { token: () => "alice" });
wss.notifications().next().then(({ value }) => {
  wss.close();
  const imported = [WssError, WssProvider, useNotifications, useUnread];
  console.log(JSON.stringify([value, ...imported.map((one) => typeof one)]));
});
`;
}
