/** Windows of Chromium, which note everything that goes wrong in them. */
import { assertEquals } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { startChromium } from "./chromium.ts";

export async function startWindows() {
  const browser = await startChromium();
  const problems: string[] = [];

  return {
    /** Opens a page in a window that shares nothing with the others. */
    async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({
        permissions: ["clipboard-read", "clipboard-write"],
        ...options,
      });
      context.setDefaultTimeout(10_000);
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(String(error)));
      // Violations of the content security policy come as messages, too.
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) problems.push(message.text());
      });
      page.on("request", (request) => {
        if (new URL(request.url()).origin !== new URL(url).origin) problems.push(request.url());
      });
      await page.goto(url);
      return page;
    },
    /** Fails if a page had an error, broke its policy, or asked another origin. */
    async [Symbol.asyncDispose]() {
      await browser.close();
      assertEquals(problems, []);
    },
  };
}
