import { assert, assertEquals } from "@std/assert";
import { startCountedPage } from "../_support/browser/counted_page.ts";
import { frames, items, logIn, startPage } from "../_support/browser/page.ts";

Deno.test("page: it connects by itself, and shows the list, and new notifications at once", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  await items(page).getByText("Welcome, Alice").waitFor();
  await page.getByText("1 unread").waitFor();

  await page.getByLabel("Text").fill("From the page");
  await page.getByRole("button", { name: "Create a notification" }).click();

  await items(page).getByText("From the page").waitFor();
  await page.getByText("2 unread").waitFor();
  const texts = await items(page).locator(".text").allTextContents();
  assertEquals(texts, ["From the page", "Welcome, Alice"]);
  assertEquals(await page.title(), "(2) wss");
});

Deno.test("[COUNT2] page: in a burst, the demo backend is asked once a second, and the number is right", async () => {
  await using demo = await startCountedPage();
  const page = await demo.open();
  await logIn(page);
  await page.getByText("1 unread").waitFor();
  const startedAt = performance.now();
  const before = demo.calls.length;

  let count = 1;
  while (performance.now() < startedAt + 2500) {
    for (let n = 0; n < 5; n++) await demo.create(`Notification ${++count}`);
    await items(page).getByText(`Notification ${count}`, { exact: true }).waitFor();
  }
  await page.getByText(`${count} unread`).waitFor();

  const calls = demo.calls.slice(before);
  assertEquals(
    new Set(calls.map(({ url }) => url)),
    new Set([
      "/users/me/notifications?status=unread",
    ]),
  );
  assert(calls.length >= 3, `${calls.length} calls`);
  // Timers and the network are not exact.
  const gaps = calls.slice(1).map(({ at }, i) => at - (calls[i]?.at ?? 0));
  assert(gaps.every((gap) => gap > 990), `${gaps} ms between two calls`);
  assert(count > 50, `${count} notifications`);
});

Deno.test("page: a notification marked as read in one window is shown as read in the other", async () => {
  await using demo = await startPage();
  const [left, right] = [await demo.open(), await demo.open()];
  await logIn(left);
  await logIn(right);
  await demo.create("To both");

  await left.getByRole("button", { name: "Mark as read: To both" }).click();
  await right.getByRole("button", { name: "Mark as unread: To both" }).waitFor();
  await right.getByText("1 unread").waitFor();
  await right.getByRole("button", { name: "Mark all as read" }).click();
  await left.getByText("0 unread").waitFor();
  await left.getByRole("button", { name: "Mark as unread: Welcome, Alice" }).click();
  await right.getByText("1 unread").waitFor();
});

Deno.test("page: a user sees no notification of another user", async () => {
  await using demo = await startPage();
  const [alice, bob] = [await demo.open(), await demo.open()];
  await logIn(alice);
  await logIn(bob, "Bob");

  await demo.create("For Alice");
  await bob.getByLabel("For").selectOption("Bob");
  await bob.getByRole("button", { name: "Create a notification" }).click();

  await items(alice).getByText("For Alice").waitFor();
  await items(bob).getByText("Hello").waitFor();
  assertEquals(await items(bob).getByText("For Alice").count(), 0);
});

Deno.test("page: notifications that arrive while the connection is cut are shown when it is restored", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  await logIn(page);

  await page.getByRole("button", { name: "Cut the connection" }).click();
  await page.getByText("Reconnecting").waitFor();
  for (const text of ["one", "two", "three"]) await demo.create(text);
  // The client library tries HTTP when some sockets have failed.
  await page.getByText("also over HTTP").waitFor();
  const whileCut = await items(page).locator(".text").count();
  await page.getByRole("button", { name: "Restore the connection" }).click();

  await page.getByText(/Arrived meanwhile: 3\. Shown: 4\. At the backend: 4\. Nothing is lost/)
    .waitFor();
  assertEquals(whileCut, 1);
  await page.getByText(/resumed from the cursor, with no list from the backend/).waitFor();
  const texts = await items(page).locator(".text").allTextContents();
  assertEquals(texts, ["three", "two", "one", "Welcome, Alice"]);
  await frames(page).getByText("update × 3").waitFor();
});

Deno.test("page: a frame that asks if the line is alive is shown as a probe", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  await logIn(page);

  await page.evaluate("dispatchEvent(new Event('online'))");

  await frames(page).getByText("probe").waitFor();
});

Deno.test("page: the frames of both directions can be read and copied", async () => {
  await using demo = await startPage();
  const page = await demo.open();
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
  const first = lines.flatMap((line) => / ([<>]) {"rid":1,/.exec(line)?.[1] ?? []);
  assertEquals(first, [">", "<"]);
  await page.getByRole("button", { name: "Clear" }).click();
  assertEquals(await frames(page).getByRole("listitem").count(), 0);
});

Deno.test("page: nothing arrives without a subscription, and only the chosen types with one", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  await logIn(page);

  await page.getByRole("button", { name: "Unsubscribe" }).click();
  await page.getByText(/^Unsubscribed/).waitFor();
  await demo.create("not pushed", "invitation");
  await page.getByLabel("Types").fill("message");
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  await page.getByRole("button", { name: "Unsubscribe" }).waitFor();
  await demo.create("of another type", "invitation");
  await demo.create("pushed");

  await items(page).getByText("pushed", { exact: true }).waitFor();
  const texts = await items(page).locator(".text").allTextContents();
  assertEquals(texts, ["pushed", "Welcome, Alice"]);
});

Deno.test("page: a pasted token is used, and the refusal of a wrong one is shown", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  const token = page.getByLabel("Token", { exact: true });
  const connect = page.getByRole("button", { name: "Connect", exact: true });
  await items(page).getByText("Welcome, Alice").waitFor();
  await page.getByRole("radio", { name: "Another token" }).check();
  await page.getByText("Not connected").waitFor();
  assertEquals(await items(page).getByRole("listitem").count(), 0);

  await token.fill("nobody");
  await connect.click();
  await page.getByText("Last disconnection: 4401").waitFor();
  await page.getByText("Token refused", { exact: true }).waitFor();
  assert(await page.getByRole("button", { name: "Subscribe", exact: true }).isDisabled());
  await token.fill("bob-token");
  await connect.click();

  await items(page).getByText("Welcome, Bob").waitFor();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("Not connected").waitFor();
  await page.getByText("Connect to see the list.").waitFor();
  assertEquals(await items(page).getByRole("listitem").count(), 0);
  assertEquals(await page.title(), "wss");
});

Deno.test("page: another user's list replaces the one before, also while the connection is cut", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  await items(page).getByText("Welcome, Alice").waitFor();

  await logIn(page, "Bob");
  assertEquals(await items(page).locator(".text").allTextContents(), ["Welcome, Bob"]);
  await page.getByRole("button", { name: "Cut the connection" }).click();
  await page.getByText("Reconnecting").waitFor();
  await logIn(page, "Alice");

  assertEquals(await items(page).locator(".text").allTextContents(), ["Welcome, Alice"]);
  await page.getByText("1 unread").waitFor();
  await page.getByRole("button", { name: "Cut the connection" }).waitFor();
});

Deno.test("page: everything works with the keyboard, and the focus stays where it was", async () => {
  await using demo = await startPage();
  const page = await demo.open();
  const focused = () =>
    page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.id");
  const tabTo = async (name: string) => {
    while (await focused() !== name) await page.keyboard.press("Tab");
  };
  await items(page).getByText("Welcome, Alice").waitFor();

  await tabTo("alice");
  await page.keyboard.press("ArrowDown");
  assert(await page.getByRole("radio", { name: "Bob" }).isChecked());
  await page.getByRole("button", { name: "Mark as read: Welcome, Bob" }).waitFor();
  await tabTo("Mark as read: Welcome, Bob");
  await page.keyboard.press("Space");

  await page.getByText("0 unread").waitFor();
  assertEquals(await focused(), "Mark as unread: Welcome, Bob");
});
