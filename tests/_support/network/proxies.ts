/** Proxies that let no WebSocket through: they take `Upgrade` out of a request. */
import { join } from "node:path";
import { freePort } from "./free_port.ts";
import { until } from "../queue.ts";

/** How a proxy is started: its program, and its configuration between two ports. */
interface ProxyKind {
  readonly program: string;
  readonly args: readonly string[];
  config(port: number, wssPort: number): string;
}

export const PROXIES = {
  // With the defaults of nginx: HTTP/1.0 to the service, and buffers.
  nginx: {
    program: "nginx",
    args: ["-p", ".", "-c", "proxy.conf"],
    config: (port, wssPort) => `
      pid nginx.pid; error_log stderr; daemon off; events {}
      http {
        access_log off;
        ${
      ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `${name}_temp_path ${name};`).join("\n")
    }
        gzip on; gzip_types *;
        server {
          listen 127.0.0.1:${port};
          location / { proxy_pass http://127.0.0.1:${wssPort}; }
        }
      }`,
  },
  haproxy: {
    program: "haproxy",
    args: ["-db", "-f", "proxy.conf"],
    config: (port, wssPort) => `
      defaults
        mode http
        timeout connect 5s
        timeout client 60s
        timeout server 60s
      frontend clients
        bind 127.0.0.1:${port}
        http-request del-header upgrade
        default_backend wss
      backend wss
        server wss 127.0.0.1:${wssPort}\n`,
  },
} satisfies Record<string, ProxyKind>;

/** Whether a program can be run. */
export function isInstalled(program: string, args: string[]): boolean {
  try {
    return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Starts a proxy in front of a service. */
export async function startStrippingProxy(kind: keyof typeof PROXIES, wssPort: number) {
  const { program, args, config } = PROXIES[kind];
  const port = freePort();
  const dir = await Deno.makeTempDir({ prefix: `wss-${kind}-` });
  await Deno.writeTextFile(join(dir, "proxy.conf"), config(port, wssPort));
  const proxy = new Deno.Command(program, {
    args: [...args],
    cwd: dir,
    stdout: "null",
    stderr: "null",
  })
    .spawn();
  const http = `http://127.0.0.1:${port}`;
  await until(`${kind} answers`, async () => {
    const response = await fetch(`${http}/web`).catch(() => null);
    await response?.body?.cancel();
    return response?.ok ?? false;
  });
  return {
    http,
    async [Symbol.asyncDispose]() {
      proxy.kill("SIGTERM");
      await proxy.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}
