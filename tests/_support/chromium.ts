/** Debian's Chromium, and windows in it that keep what goes wrong in them. */
import { assertEquals } from "@std/assert";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const HOW_TO_GET_CHROMIUM = "These tests need Chromium: apt-get install -y chromium, or set " +
  "CHROMIUM to the path of one";

async function findChromium(): Promise<string> {
  for (const path of [Deno.env.get("CHROMIUM") ?? PATHS].flat()) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new Error(HOW_TO_GET_CHROMIUM);
}

export async function startChromium() {
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    // Root, as in a container, can't have the sandbox.
    args: Deno.uid() === 0 ? ["--no-sandbox"] : [],
  });
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
