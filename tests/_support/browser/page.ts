/** The page of a running `deno task dev`, in Chromium. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { startWindows } from "./windows.ts";
import { startDev } from "../service/process.ts";

export async function startPage() {
  await using started = new AsyncDisposableStack();
  const dev = started.use(await startDev());
  // Started after dev, so that it ends first and no page loses its server.
  const chromium = started.use(await startWindows());
  const resources = started.move();
  const url = new URL("/", dev.url.replace("ws:", "http:")).href;

  return {
    /** Opens the page in a window of its own. */
    open: (options?: Parameters<typeof chromium.open>[1]) => chromium.open(url, options),
    /** Creates a notification for Alice at the demo backend. It is published when this returns. */
    async create(text: string, type = "message") {
      const response = await fetch(`${dev.demoUrl}/notifications`, {
        method: "POST",
        body: JSON.stringify({ type, data: { text } }),
      });
      assertEquals(response.status, 201);
      await response.body?.cancel();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The list of notifications on the page. */
export function items(page: Page) {
  return page.getByRole("list", { name: "Notifications" });
}

/** The list of frames on the page. */
export function frames(page: Page) {
  return page.getByRole("list", { name: "Frames" });
}

/** Shows the list of a demo user. It is there when this returns. */
export async function logIn(page: Page, name = "Alice") {
  await page.getByRole("radio", { name }).check();
  await items(page).getByText(`Welcome, ${name}`).waitFor();
}
