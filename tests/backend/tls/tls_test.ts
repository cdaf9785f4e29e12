import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isInstalled } from "../../_support/network/proxies.ts";
import { deadline } from "../../_support/queue.ts";

const MIB = 1024 ** 2;
const LISTS = 12;
const ASK = fileURLToPath(new URL("ask.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Makes a certificate for 127.0.0.1 in a new folder; gives the paths of its files. */
async function makeCertificate() {
  const folder = await Deno.makeTempDir({ prefix: "wss-tls-" });
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" "),
      ...["-subj", "/CN=wss test", "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-addext", "basicConstraints=critical,CA:FALSE", "-out", cert, "-keyout", key],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return {
    cert,
    key,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test({
  name: "[BCK3] large answers of an API that offers HTTP/2 do not keep each other from coming",
  ignore: !isInstalled("openssl", ["version"]) && Deno.env.get("CI") !== "true",
  async fn() {
    await using certificate = await makeCertificate();
    const { cert, key } = certificate;
    const list = new TextEncoder().encode(JSON.stringify(["x".repeat(4 * MIB - 4)]));
    const allAsked = Promise.withResolvers<void>();
    let asked = 0;
    await using api = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: await Deno.readTextFile(cert),
      key: await Deno.readTextFile(key),
      onListen: () => {},
    }, async ({ url }) => {
      if (++asked > LISTS) allAsked.resolve();
      await allAsked.promise;
      return url.endsWith("/small") ? Response.json({ id: "1" }) : new Response(list);
    });

    const asking = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--config", CONFIG, "--allow-net", "--allow-env"],
        ...[ASK, `https://127.0.0.1:${api.addr.port}/`, String(4 * MIB), String(LISTS)],
      ],
      env: { DENO_CERT: cert },
      stderr: "inherit",
    }).output();
    const { stdout } = await deadline("all answers", asking);

    assertEquals(
      JSON.parse(new TextDecoder().decode(stdout)),
      Array.from({ length: LISTS + 1 }, () => "ok"),
    );
  },
});
