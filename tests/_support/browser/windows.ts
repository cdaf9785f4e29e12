/** Windows of Chromium that keep what goes wrong in them. */
import { assertEquals } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { startChromium } from "./chromium.ts";

export async function startWindows() {
  const browser = await startChromium();
  const problems: string[] = [];

  return {
    /** Opens a page in a window of its own, which shares nothing with the others. */
    async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({
        permissions: ["clipboard-read", "clipboard-write"],
        ...options,
      });
      context.setDefaultTimeout(10_000);
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(String(error)));
      // Violations of the content security policy are among them.
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) problems.push(message.text());
      });
      page.on("request", (request) => {
        if (new URL(request.url()).origin !== new URL(url).origin) problems.push(request.url());
      });
      await page.goto(url);
      return page;
    },
    /** Fails where a page has had an error, broken its policy or asked somebody outside. */
    async [Symbol.asyncDispose]() {
      await browser.close();
      assertEquals(problems, []);
    },
  };
}
