/** All figures of the comparison as one table of Markdown, as the README has it. */
import type { Result } from "../harness/benchmark.ts";

/** Makes the table: a row for each figure, a column for each peer. */
export function summaryOf(results: readonly Result[]): string {
  const names = results[0]?.figures[0]?.byVariant.map(({ variant }) => variant) ?? [];
  const rows = results.flatMap(({ case: title, figures }) =>
    figures.map(({ name, unit, byVariant }) => [
      `${title}: ${name}${unit && `, ${unit}`}`,
      ...byVariant.map(({ median }) => shown(median)),
    ])
  );
  const table = [["", ...names], names.map(() => "---"), ...rows];
  table[1]?.unshift("---");
  return table.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function shown(value: number): string {
  return value.toLocaleString("en", {
    minimumSignificantDigits: value < 100 ? 2 : 3,
    maximumSignificantDigits: value < 100 ? 2 : 3,
  });
}
