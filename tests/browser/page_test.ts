import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { startChromium } from "../_support/chromium.ts";
import { startDev } from "../_support/process.ts";

/** The page of a running `deno task dev`. */
async function startPage() {
  const dev = await startDev();
  const chromium = await startChromium();
  const url = new URL("/", dev.url.replace("ws:", "http:")).href;
  return {
    dev,
    open: (options?: Parameters<typeof chromium.open>[1]) => chromium.open(url, options),
    /** Has the demo backend create a notification; it is published when this returns. */
    async create(text: string, type = "message") {
      const response = await fetch(`${dev.demoUrl}/notifications`, {
        method: "POST",
        body: JSON.stringify({ type, data: { text } }),
      });
      assertEquals(response.status, 201);
      await response.body?.cancel();
    },
    async [Symbol.asyncDispose]() {
      await chromium[Symbol.asyncDispose]();
      await dev[Symbol.asyncDispose]();
    },
  };
}

const items = (page: Page) => page.getByRole("list", { name: "Notifications" });
const frames = (page: Page) => page.getByRole("list", { name: "Frames" });

async function logIn(page: Page, name = "Alice") {
  await page.getByRole("radio", { name }).check();
  await page.getByRole("button", { name: "Connect" }).click();
  await items(page).getByText(`Welcome, ${name}`).waitFor();
}

Deno.test("page: who logs in sees the list, and at once what is created", async () => {
  await using dev = await startPage();
  const page = await dev.open();
  await logIn(page);
  await page.getByText("1 unread").waitFor();

  await page.getByLabel("Text").fill("From the page");
  await page.getByRole("button", { name: "Create a notification" }).click();

  await items(page).getByText("From the page").waitFor();
  await page.getByText("2 unread").waitFor();
  const texts = await items(page).locator(".text").allTextContents();
  assertEquals(texts, ["From the page", "Welcome, Alice"]);
  assertEquals(await page.title(), "(2) wss");
});

Deno.test("page: what one window marks as read, the other shows as read", async () => {
  await using dev = await startPage();
  const [left, right] = [await dev.open(), await dev.open()];
  await logIn(left);
  await logIn(right);
  await dev.create("To both");

  await left.getByRole("button", { name: "Mark as read: To both" }).click();
  await right.getByRole("button", { name: "Mark as unread: To both" }).waitFor();
  await right.getByText("1 unread").waitFor();
  await right.getByRole("button", { name: "Mark all as read" }).click();
  await left.getByText("0 unread").waitFor();
  await left.getByRole("button", { name: "Mark as unread: Welcome, Alice" }).waitFor();
});

Deno.test("page: one user sees nothing of another's", async () => {
  await using dev = await startPage();
  const [alice, bob] = [await dev.open(), await dev.open()];
  await logIn(alice);
  await logIn(bob, "Bob");

  await dev.create("For Alice");
  await bob.getByLabel("For").selectOption("Bob");
  await bob.getByRole("button", { name: "Create a notification" }).click();

  await items(alice).getByText("For Alice").waitFor();
  await items(bob).getByText("Hello").waitFor();
  assertEquals(await items(bob).getByText("For Alice").count(), 0);
});

Deno.test("page: what arrives while the line is cut shows when it is restored, nothing is lost", async () => {
  await using dev = await startPage();
  const page = await dev.open();
  await logIn(page);

  await page.getByRole("button", { name: "Cut the line" }).click();
  await page.getByText("Reconnecting").waitFor();
  for (const text of ["one", "two", "three"]) await dev.create(text);
  const whileCut = await items(page).locator(".text").count();
  await page.getByRole("button", { name: "Restore the line" }).click();

  await page.getByText(/Came meanwhile: 3\. Shown: 4\. At the backend: 4\. Nothing is lost/)
    .waitFor();
  assertEquals(whileCut, 1);
  await page.getByText(/resumed from the cursor without asking for the list/).waitFor();
  const texts = await items(page).locator(".text").allTextContents();
  assertEquals(texts, ["three", "two", "one", "Welcome, Alice"]);
});

Deno.test("page: frames of both directions can be read and copied", async () => {
  await using dev = await startPage();
  const page = await dev.open();
  await logIn(page);
  const reply = frames(page).getByRole("listitem").filter({ hasText: "#1" })
    .filter({ hasText: "received" });
  const clipboard = () => page.evaluate("navigator.clipboard.readText()");

  await reply.locator("summary").click();
  await reply.getByText('"text": "Welcome, Alice"').waitFor();
  await reply.getByRole("button", { name: "Copy" }).click();
  await page.getByText("Frame copied").waitFor();
  const frame = JSON.parse(String(await clipboard()));
  await page.getByText("1 unread").waitFor();
  await page.getByRole("button", { name: "Copy all" }).click();
  await page.getByText("frames copied").waitFor();
  const lines = String(await clipboard()).split("\n");

  assertEquals([frame.rid, frame.payload.total], [1, 1]);
  assertEquals(lines.slice(0, 2).map((line) => /[<>] {"rid":1,/.test(line)), [true, true]);
  await page.getByRole("button", { name: "Clear" }).click();
  assertEquals(await frames(page).getByRole("listitem").count(), 0);
});

Deno.test("page: of who has unsubscribed nothing arrives, and types narrow what does", async () => {
  await using dev = await startPage();
  const page = await dev.open();
  await logIn(page);

  await page.getByRole("button", { name: "Unsubscribe" }).click();
  await page.getByText(/^Unsubscribed/).waitFor();
  await dev.create("not pushed", "invitation");
  await page.getByLabel("Types").fill("message");
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  await page.getByRole("button", { name: "Unsubscribe" }).waitFor();
  await dev.create("of another type", "invitation");
  await dev.create("pushed");

  await items(page).getByText("pushed", { exact: true }).waitFor();
  const texts = await items(page).locator(".text").allTextContents();
  assertEquals(texts, ["pushed", "Welcome, Alice"]);
});

Deno.test("page: a pasted token is used, and the refusal of a wrong one is shown", async () => {
  await using dev = await startPage();
  const page = await dev.open();
  const token = page.getByLabel("Token", { exact: true });
  await page.getByRole("radio", { name: "Another token" }).check();

  await token.fill("nobody");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("Last disconnection: 4401").waitFor();
  await token.fill("bob-token");
  await page.getByRole("button", { name: "Connect" }).click();

  await items(page).getByText("Welcome, Bob").waitFor();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("Not connected").waitFor();
  assertEquals(await items(page).getByRole("listitem").count(), 0);
});

Deno.test("page: all of it can be done with the keyboard, and focus stays where it was", async () => {
  await using dev = await startPage();
  const page = await dev.open();
  const focused = () =>
    page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.id");
  await page.getByRole("radio", { name: "Alice" }).waitFor();

  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  assert(await page.getByRole("radio", { name: "Bob" }).isChecked());
  await page.keyboard.press("Enter");
  const mark = page.getByRole("button", { name: "Mark as read: Welcome, Bob" });
  await mark.waitFor();
  while (await focused() !== "Mark as read: Welcome, Bob") await page.keyboard.press("Tab");
  await page.keyboard.press("Space");

  await page.getByText("0 unread").waitFor();
  assertEquals(await focused(), "Mark as unread: Welcome, Bob");
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const [width, height] of [[1280, 800], [390, 844]] as const) {
    Deno.test(`page: axe finds nothing at ${width} pixels, ${colorScheme}`, async () => {
      await using dev = await startPage();
      const page = await dev.open({
        colorScheme,
        viewport: { width, height },
        reducedMotion: "reduce",
      });
      const checks: [string, unknown][] = [];
      const look = async (name: string) => {
        await page.screenshot({ path: `${await screenshots}/${name}.png`, fullPage: true });
        // Injected as a script it would break the page's policy.
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
        for (const { id, nodes } of violations) checks.push([id, nodes.map(({ html }) => html)]);
        const scrollWidth = await page.evaluate("document.documentElement.scrollWidth");
        assertEquals(scrollWidth, width, "wider than the window");
      };

      await page.getByRole("radio", { name: "Alice" }).waitFor();
      await look(`${width}-${colorScheme}-before`);
      await logIn(page);
      await dev.create(
        "A longer one, to see how it wraps where there is little room for it: " +
          "https://example.com/a/long/path/that/has/no/spaces/in/it/at/all",
      );
      await dev.create("Will you join us?", "invitation");
      await page.getByRole("button", { name: "Mark as read: Welcome, Alice" }).click();
      await page.getByText("2 unread").waitFor();
      await frames(page).locator("summary").filter({ has: page.locator(".update") }).first()
        .click();
      await look(`${width}-${colorScheme}-connected`);
      await page.getByRole("button", { name: "Cut the line" }).click();
      await page.getByText("Reconnecting").waitFor();
      await look(`${width}-${colorScheme}-cut`);
      await page.getByRole("button", { name: "Restore the line" }).click();
      await page.getByText(/Nothing is lost/).waitFor();
      await look(`${width}-${colorScheme}-resumed`);

      assertEquals(checks, []);
    });
  }
}

const screenshots = Deno.makeTempDir({ prefix: "wss-page-" });
screenshots.then((folder) => {
  // deno-lint-ignore no-console
  console.log(`Screenshots are in ${folder}`);
});
