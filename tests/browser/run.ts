/**
 * `deno task test:browser`: runs the tests that need Chromium. If there is no Chromium, prints how to
 * get it. Arguments go to `deno test`, and may name single files.
 */
import { fileURLToPath } from "node:url";
import { findChromium, HOW_TO_GET_CHROMIUM } from "../_support/browser/find_chromium.ts";

const CONFIG = fileURLToPath(import.meta.resolve("../deno.json"));

if (findChromium() === null) {
  // deno-lint-ignore no-console
  console.error(HOW_TO_GET_CHROMIUM);
  Deno.exit(1);
}
const tests = new Deno.Command(Deno.execPath(), {
  args: [
    "test",
    "--no-prompt",
    ...["--config", CONFIG],
    "--allow-all",
    ...Deno.args.length > 0 ? Deno.args : ["tests/browser/"],
  ],
}).spawn();
Deno.exit((await tests.status).code);
