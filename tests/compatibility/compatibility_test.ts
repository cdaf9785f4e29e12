import { assertEquals, equal } from "@std/assert";
import { startWss } from "../_support/service/wss.ts";
import { essenceOf, shortOf } from "./compare.ts";
import { createPlayer, type Exchange, type Outcome, type Scenario } from "./play.ts";

const RECORDED = new URL("recorded/", import.meta.url);
/** Long enough for a push on a busy machine: one that is missing is a difference. */
const PATIENCE_MS = 5_000;

/** Plays all scenarios of a file. */
async function play(file: string): Promise<unknown[]> {
  const scenarios: Scenario[] = JSON.parse(await Deno.readTextFile(new URL(file, RECORDED)));
  // The Go service asks for the user of each login.
  await using wss = await startWss({ settings: { AUTH_CACHE_SECONDS: 0 } });
  await using player = await createPlayer({
    ws: wss.ws,
    backend: wss.backend,
    publish: (value) => void wss.log.publish(value),
    patienceMs: PATIENCE_MS,
  });
  const problems: unknown[] = [];
  for (const { name, ...scenario } of scenarios) {
    const outcomes = await player.play(scenario);
    for (const [i, exchange] of scenario.exchanges.entries()) {
      const problem = problemOf(exchange, outcomes[i] ?? {});
      if (problem) problems.push({ file, scenario: name, exchange: i, ...problem });
    }
  }
  return problems;
}

/** What is wrong with an outcome, if anything is. */
function problemOf({ differs, ...theirs }: Exchange, ours: Outcome) {
  const isSame = equal(essenceOf(theirs), essenceOf(ours));
  if (!differs) return isSame ? undefined : { problem: "It differs", ours: shortOf(ours) };
  if (isSame) return { problem: `It no longer differs: ${differs.reason}` };
  const isAsListed = equal(
    essenceOf(differs.ours, { withSlugs: true }),
    essenceOf(ours, { withSlugs: true }),
  );
  return isAsListed ? undefined : { problem: "It differs otherwise", ours: shortOf(ours) };
}

Deno.test("a client or a backend of the Go service meets the differences that are listed, and no others", async () => {
  const files = await Array.fromAsync(Deno.readDir(RECORDED), ({ name }) => name);
  assertEquals((await Promise.all(files.map(play))).flat(), []);
});
