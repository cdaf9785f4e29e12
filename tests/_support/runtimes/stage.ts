/** A service for cases that run in another process, and a server through which they act on it. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { installClient } from "../clients/package.ts";
import { startProxy } from "../network/proxy.ts";
import { startWss } from "../service/wss.ts";

const CASES = fileURLToPath(import.meta.resolve("./cases.js"));
const MAIN = fileURLToPath(import.meta.resolve("./main.js"));

/** What {@linkcode runCases} of cases.js gives. */
export type Results = { name: string; error?: string }[];

export async function startStage() {
  const wss = await startWss({ users: { alice: "42", "zoë÷": "44" } });
  const proxy = startProxy(wss.ws);

  async function burst(count: number): Promise<void> {
    const held = wss.backend.hold("GET /notification");
    const release = await held();
    for (let data = 0; data < count; data++) {
      wss.publish("notification", { userId: "42", type: "a", data });
    }
    wss.backend.reset("GET /notification");
    release();
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/":
        return new Response("<!doctype html><title>wss</title>", {
          headers: { "content-type": "text/html" },
        });
      case "/cases.js":
        return new Response(await Deno.readTextFile(CASES), {
          headers: { "content-type": "text/javascript" },
        });
    }
    if (request.method !== "POST") return new Response(null, { status: 404 });
    const body = await request.json();
    switch (pathname) {
      case "/publish":
        wss.publish(body.type, body.document);
        break;
      case "/burst":
        await burst(body.count);
        break;
      case "/cut":
        proxy.cut();
    }
    return new Response();
  });

  return {
    wss,
    /** The addresses that cases need. */
    where: { ws: proxy.ws, stage: `http://127.0.0.1:${server.addr.port}` },
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      proxy[Symbol.dispose]();
      await wss[Symbol.asyncDispose]();
    },
  };
}

/** Runs the cases in another process, with the package's module. */
export async function runIn(command: string, args: string[]): Promise<Results> {
  await using stage = await startStage();
  await using client = await installClient();
  const what = JSON.stringify({ client: `file://${client.path}/mod.js`, ...stage.where });
  const { stdout, stderr } = await new Deno.Command(command, { args: [...args, MAIN, what] })
    .output();
  const [said, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!said) throw new Error(complaints);
  return JSON.parse(said);
}

/** Fails with all problems of the cases. */
export function assertAllDone(results: Results): void {
  assertEquals(results.filter(({ error }) => error !== undefined), []);
  assertEquals(results.length, 7);
}
