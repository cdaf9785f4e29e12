/** The real nginx, with the sample configuration of `src/admin/README.md`. */
import { join } from "node:path";
import { freePort } from "./free_port.ts";
import { until } from "../queue.ts";

/** A test that needs nginx. It is ignored if nginx is not installed, but not in CI. */
export function nginxTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !hasNginx() && Deno.env.get("CI") !== "true", fn });
}

function hasNginx(): boolean {
  try {
    return new Deno.Command("nginx", { args: ["-v"], stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/**
 * @param options.replace Times of the sample that are too long for a test, with those to take instead
 */
export async function startNginx(
  { wssPort, replace = {} }: { wssPort: number; replace?: Record<string, string> },
) {
  const readme = await Deno.readTextFile(new URL("../../../src/admin/README.md", import.meta.url));
  let [, sample = ""] = /```nginx\n([^]*?)```/.exec(readme) ?? [];
  for (
    const [from, to] of Object.entries({ ...replace, "127.0.0.1:3110": `127.0.0.1:${wssPort}` })
  ) {
    if (!sample.includes(from)) {
      throw new Error(`The sample configuration does not contain ${from}`);
    }
    sample = sample.replaceAll(from, to);
  }
  const port = freePort();
  const dir = await Deno.makeTempDir({ prefix: "wss-nginx-" });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${name};`);
  await Deno.writeTextFile(
    join(dir, "nginx.conf"),
    `pid nginx.pid;
    error_log stderr;
    daemon off;
    events {}
    http {
      access_log off;
      ${temporary.join("\n")}
      server {
        listen 127.0.0.1:${port};
        ${sample}
      }
    }`,
  );
  const nginx = new Deno.Command("nginx", {
    args: ["-p", dir, "-c", "nginx.conf"],
    stderr: "null",
  }).spawn();
  const http = `http://127.0.0.1:${port}`;
  await until("nginx answers", async () => {
    const response = await fetch(`${http}/web`).catch(() => null);
    await response?.body?.cancel();
    return response?.ok ?? false;
  });
  return {
    http,
    ws: `ws://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      nginx.kill("SIGTERM");
      await nginx.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}
