import FakeTimers from "@sinonjs/fake-timers";
import { assertEquals } from "@std/assert";
import { keepTrying } from "../../src/kafka/keep_trying.ts";

Deno.test("it warns about trouble at once, every 30 s, and when the trouble changes", async () => {
  const clock = FakeTimers.install();
  try {
    const warnings: [number, string][] = [];
    let trouble: string | null = "down";
    const result = keepTrying(
      () => trouble === null ? Promise.resolve("up") : Promise.reject(new Error(trouble)),
      {
        signal: new AbortController().signal,
        describe: (error) => ({ kind: trouble ?? "", text: (error as Error).message }),
        warn: (text) => warnings.push([Date.now() / 1000, text]),
      },
    );

    await clock.tickAsync(65_500);
    trouble = "gone";
    await clock.tickAsync(10_000);
    trouble = null;
    await clock.tickAsync(1000);

    assertEquals(warnings, [[0, "down"], [30, "down"], [60, "down"], [66, "gone"]]);
    assertEquals(await result, "up");
  } finally {
    clock.uninstall();
  }
});

Deno.test("it does not warn again about the same trouble in other words", async () => {
  const clock = FakeTimers.install();
  try {
    const warnings: string[] = [];
    const stopping = new AbortController();
    const result = keepTrying(() => Promise.reject(new Error()), {
      signal: stopping.signal,
      describe: (_error, tries) => ({ kind: "unreachable", text: `broker ${tries % 2} is down` }),
      warn: (text) => warnings.push(text),
    });

    await clock.tickAsync(29_500);
    stopping.abort();

    assertEquals([warnings, await result], [["broker 1 is down"], undefined]);
  } finally {
    clock.uninstall();
  }
});

Deno.test("it does not warn about an error that is no trouble yet", async () => {
  const clock = FakeTimers.install();
  try {
    const warnings: string[] = [];
    const stopping = new AbortController();
    const result = keepTrying(() => Promise.reject(new Error("missing")), {
      signal: stopping.signal,
      describe: (_error, tries) =>
        tries === 1 ? null : { kind: "missing", text: `missing at try ${tries}` },
      warn: (text) => warnings.push(text),
    });

    await clock.tickAsync(0);
    assertEquals(warnings, []);
    await clock.tickAsync(1000);
    assertEquals(warnings, ["missing at try 2"]);
    stopping.abort();

    assertEquals(await result, undefined);
    assertEquals(clock.countTimers(), 0);
  } finally {
    clock.uninstall();
  }
});
