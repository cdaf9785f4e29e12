import { assertEquals } from "@std/assert";
import { Tokens } from "../../src/backend/tokens.ts";
import { type JsonText, NULL } from "../../src/protocol/frames.ts";
import { startWss } from "../_support/service/wss.ts";
import { holder } from "../_support/sessions/caller.ts";

Deno.test("[AUTH7] an ok answer is reused for the same token for a while", async () => {
  await using wss = await startWss();
  for (let i = 0; i < 3; i++) {
    await using _client = await wss.connect("/web", { token: "alice" });
  }
  await using _bob = await wss.connect("/web", { token: "bob" });
  assertEquals(wss.backend.calls.length, 2);

  await using uncached = await startWss({ settings: { AUTH_CACHE_SECONDS: 0 } });
  for (let i = 0; i < 3; i++) {
    await using _client = await uncached.connect("/web", { token: "alice" });
  }
  assertEquals(uncached.backend.calls.length, 3);
});

Deno.test("[KAF5] a logout at any moment of a login leaves nobody logged in", async () => {
  for (let moment = 0; moment < 20; moment++) {
    let asked = 0;
    let loggedIn = false;
    const backend: ConstructorParameters<typeof Tokens>[0] = {
      ask: () => {
        const ok = ++asked === 1;
        return Promise.resolve(
          ok
            ? { status: "ok", httpStatus: 200, payload: NULL, value: { id: "42" } }
            : { status: "unauthorized", httpStatus: 401, payload: NULL, value: null },
        );
      },
      shareNoMore() {},
    };
    const tokens = new Tokens(backend, { cacheMs: 10_000 });
    const { signal } = new AbortController();
    const login = tokens.identify("alice", {
      signal,
      holder: holder(),
      use: () => loggedIn = true,
    });

    for (let i = 0; i < moment; i++) await Promise.resolve();
    tokens.forget("42", Date.now());
    // A session that is logged in by then is found by the logout itself.
    const isFound = loggedIn;
    await login;

    assertEquals([loggedIn, asked], isFound ? [true, 1] : [false, 2], `moment ${moment}`);
  }
});

Deno.test("[AUTH7] the cached answers are bounded: if they are too long or too many, the oldest ones go", async () => {
  const asked: string[] = [];
  let payload = NULL;
  const backend: ConstructorParameters<typeof Tokens>[0] = {
    ask: (_request, { token }) => {
      asked.push(token ?? "");
      return Promise.resolve({ status: "ok", httpStatus: 200, payload, value: { id: "42" } });
    },
    shareNoMore() {},
  };
  const tokens = new Tokens(backend, { cacheMs: 10_000 });
  const { signal } = new AbortController();
  const isCached = async (token: string) => {
    const before = asked.length;
    await tokens.identify(token, { signal, holder: holder() });
    return asked.length === before;
  };

  payload = `"${"x".repeat(4 * 1024 * 1024)}"` as JsonText;
  for (let i = 0; i < 5; i++) await isCached(`long ${i}`);
  assertEquals([await isCached("long 4"), await isCached("long 0")], [true, false]);
  payload = NULL;
  for (let i = 0; i < 70_000; i++) await isCached(`short ${i}`);
  assertEquals([await isCached("short 69999"), await isCached("short 0")], [true, false]);
});
