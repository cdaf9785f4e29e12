import { assertEquals } from "@std/assert";
import { startChromium } from "../_support/browser/chromium.ts";
import { assertAllDone, type Results, startStage } from "../_support/runtimes/stage.ts";

Deno.test("the client library works in a page that loads it from the service", async () => {
  await using stage = await startStage();
  await using browser = await startChromium();
  const page = await browser.newPage();
  const errors: unknown[] = [];
  page.on("pageerror", (error: unknown) => errors.push(error));
  await page.goto(stage.where.stage);

  // This runs in the page, whose origin is not the service's.
  const results: Results = await page.evaluate(`(async () => {
    const { runCases } = await import("/cases.js");
    const client = await import("${stage.wss.http}/client.js");
    return await runCases(client, ${JSON.stringify(stage.where)});
  })()`);
  assertAllDone(results);
  assertEquals(errors, []);
});
