/** The client library's package, built in a folder of its own as if it were installed there. */
import { join } from "node:path";
import { buildClient } from "../../../src/build/client_package.ts";

export async function installClient() {
  const dir = await Deno.makeTempDir({ prefix: "wss-client-" });
  const path = join(dir, "node_modules", "@wss", "client");
  const served = await buildClient(path);
  return {
    /** Where it is installed. */
    dir,
    /** The package. */
    path,
    /** The module for the service to serve. */
    served,
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
}
