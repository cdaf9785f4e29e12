/** The hooks for React, in the inbox that the README of the client's package shows. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { startInbox } from "../_support/browser/react_inbox.ts";

type Inbox = Awaited<ReturnType<typeof startInbox>>;

/** Creates a notification for Alice. It is published when this returns. */
async function create({ demoUrl }: Inbox, text: string): Promise<void> {
  const body = JSON.stringify({ type: "message", data: { text } });
  const response = await fetch(`${demoUrl}/notifications`, { method: "POST", body });
  await response.body?.cancel();
  assertEquals(response.status, 201);
}

function items(page: Page) {
  return page.getByRole("list", { name: "Notifications" }).getByRole("listitem");
}

function texts(page: Page): Promise<string[]> {
  return items(page).locator(".text").allTextContents();
}

/** The commands that were sent on each socket so far. */
function commands(page: Page): Promise<string[][]> {
  return page.evaluate("sockets.map(({ commands }) => commands)");
}

/** Waits until the badge shows this number. */
function unseen(page: Page, count: number) {
  return page.getByLabel("Unseen").getByText(String(count), { exact: true }).waitFor();
}

for (const react of ["18.3.1", "19.3.1"]) {
  Deno.test(`React ${react}: an inbox shows pushes, pages and marks, and loses nothing in a cut`, async () => {
    await using inbox = await startInbox(react);
    for (let i = 1; i <= 14; i++) await create(inbox, `note ${i}`);
    const page = await inbox.open();
    await items(page).getByText("note 14").waitFor();
    assertEquals(await page.evaluate("document.body.dataset.version"), react);
    await unseen(page, 15);
    assertEquals(inbox.message, "No WssProvider is above this component");
    assertMatch(inbox.html, /^<h1>Notifications .*…<.*<p>Loading …<\/p>$/);
    // StrictMode shows everything twice at first.
    assertEquals(await commands(page), [["getMyNotificationsCount", "getMyNotifications"]]);

    await page.getByRole("button", { name: "More" }).click();
    await items(page).getByText("Welcome, Alice").waitFor();
    await page.getByRole("button", { name: "More" }).waitFor({ state: "detached" });
    const loaded = Array.from({ length: 14 }, (_, i) => `note ${14 - i}`);
    assertEquals(await texts(page), [...loaded, "Welcome, Alice"]);

    await items(page).filter({ hasText: "note 7" }).getByRole("button").click();
    await page.locator("[data-status=read]").getByText("note 7").waitFor();
    await unseen(page, 14);
    assertEquals(await texts(page), [...loaded, "Welcome, Alice"]);

    // From here on it is noted if a notification or the badge is gone at any time.
    await page.evaluate(`
      globalThis.flashes = [];
      globalThis.observer = new MutationObserver(() => {
        const count = document.querySelectorAll("li").length;
        const badge = document.querySelector("output").textContent;
        if (count < 15 || !/^\\d+$/.test(badge)) flashes.push([count, badge]);
      });
      observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    `);
    inbox.proxy.cut();
    await page.getByText("Reconnecting …").waitFor();
    await create(inbox, "while it was cut");
    await items(page).getByText("while it was cut").waitFor();
    await unseen(page, 15);
    await page.getByText("Reconnecting …").waitFor({ state: "detached" });
    assertEquals(await page.evaluate("flashes"), []);
    assertEquals(await texts(page), ["while it was cut", ...loaded, "Welcome, Alice"]);

    await page.getByRole("button", { name: "Mark all as read" }).click();
    await unseen(page, 0);
    await page.evaluate("observer.disconnect(), unmount()");
    await page.waitForFunction("sockets.every(({ readyState }) => readyState === 3)");
    assertEquals((await commands(page)).length, 2);
  });
}
