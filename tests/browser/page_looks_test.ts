/**
 * How the page looks. With KEEP_SCREENSHOTS=true the screenshots are kept, and the tests print where.
 */
import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import type { Locator } from "playwright-core";
import { frames, items, startPage } from "../_support/browser/page.ts";

/** Makes a folder for screenshots. It is removed at the end, unless the user wants to keep it. */
async function makeFolder() {
  const path = await Deno.makeTempDir({ prefix: "wss-page-" });
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (Deno.env.get("KEEP_SCREENSHOTS") !== "true") {
        return await Deno.remove(path, { recursive: true });
      }
      // deno-lint-ignore no-console
      console.log(`Screenshots are in ${path}`);
    },
  };
}

/** A laptop and a phone. */
const SIZES = [[1280, 900], [390, 844]] as const;

Deno.test("page: the list is what is seen first, and the button of a row is inside of it", async () => {
  await using demo = await startPage();
  for (let i = 1; i <= 20; i++) await demo.create(`Notification ${i}`);
  const boxOf = async (found: Locator) => {
    const box = await found.boundingBox();
    if (!box) throw new Error(`${found} is not shown`);
    return { ...box, right: box.x + box.width, bottom: box.y + box.height };
  };

  for (const [width, height] of SIZES) {
    const page = await demo.open({ viewport: { width, height } });
    await items(page).getByText("Notification 20").waitFor();
    const list = await boxOf(items(page));
    const first = await boxOf(items(page).getByRole("listitem").first());
    const mark = await boxOf(items(page).getByRole("button").first());
    const create = await boxOf(page.getByRole("heading", { name: "New notification" }));
    const disconnect = await boxOf(page.getByRole("button", { name: "Disconnect" }));

    assert(list.y < height / 5, `the list begins at ${list.y} of ${height}`);
    assert(list.bottom < create.y, "the form is beside or above the list");
    assert(create.bottom < height, "the form is out of sight");
    assert(create.bottom < disconnect.y, "the connection is above the form");
    const primary = await page.locator("button.primary").allTextContents();
    assertEquals(primary, ["Create a notification"]);
    assert(mark.right <= first.right - 8, "the button touches the edge of its row");
  }
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const [width, height] of SIZES) {
    Deno.test(`page: axe finds no problem at ${width} pixels, ${colorScheme}`, async () => {
      await using screenshots = await makeFolder();
      await using demo = await startPage();
      const page = await demo.open({
        colorScheme,
        viewport: { width, height },
        reducedMotion: "reduce",
      });
      const checks: [string, unknown][] = [];
      const look = async (name: string) => {
        await page.screenshot({ path: `${screenshots.path}/${name}.png`, fullPage: true });
        // The page's policy forbids to inject it as a script.
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
        for (const { id, nodes } of violations) checks.push([id, nodes.map(({ html }) => html)]);
        const scrollWidth = await page.evaluate("document.documentElement.scrollWidth");
        assertEquals(scrollWidth, width, "wider than the window");
      };

      await items(page).getByText("Welcome, Alice").waitFor();
      await look(`${width}-${colorScheme}-before`);
      await demo.create(
        "A longer one, to see how it wraps where there is little room for it: " +
          "https://example.com/a/long/path/that/has/no/spaces/in/it/at/all",
      );
      await demo.create("Will you join us?", "invitation");
      await page.getByRole("button", { name: "Mark as read: Welcome, Alice" }).click();
      await page.getByText("2 unread").waitFor();
      await frames(page).locator("summary").filter({ has: page.locator(".update") }).first()
        .click();
      await look(`${width}-${colorScheme}-connected`);
      await page.getByRole("button", { name: "Cut the connection" }).click();
      await page.getByText("Reconnecting").waitFor();
      await look(`${width}-${colorScheme}-cut`);
      await page.getByRole("button", { name: "Restore the connection" }).click();
      await page.getByText(/Nothing is lost/).waitFor();
      await look(`${width}-${colorScheme}-resumed`);

      assertEquals(checks, []);
    });
  }
}
