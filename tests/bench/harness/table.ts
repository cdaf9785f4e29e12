/** Results as tables for people, less than 110 columns wide. */
import type { Figure, Result, Summary, Target } from "./benchmark.ts";

/** Reasons for an invalid result that the table shows. The JSON file has all of them. */
const MAX_REASONS = 3;

/** Makes the table of a result, with the reasons why it is invalid below. */
export function tableOf(result: Result): string {
  const { benchmark, rounds, figures, invalid } = result;
  const variants = figures[0]?.byVariant.map(({ variant }) => variant) ?? [];
  const title = `${benchmark}, ${result.case} (rounds: ${rounds})`;
  const rows = [["", ...variants, "ratio", "target"], ...figures.map(rowOf)];
  const others = invalid.length - MAX_REASONS;
  const lines = align(rows).map((line) => `  ${line}`);
  return [
    title,
    ...lines,
    ...invalid.slice(0, MAX_REASONS).map((reason) => `  INVALID: ${reason}`),
    ...others > 0 ? [`  INVALID: ${others} more such`] : [],
  ].join("\n");
}

/** Aligns the text of the first and the last column to the left, and numbers to the right. */
function align(rows: readonly string[][]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    widths.map((width, i) => {
      const cell = row[i] ?? "";
      return i === 0 || i === widths.length - 1 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ").trimEnd()
  );
}

function rowOf({ name, unit, byVariant, ratio, target, isReached }: Figure): string[] {
  return [
    unit ? `${name}, ${unit}` : name,
    ...byVariant.map(showSummary),
    ratio ? showSummary(ratio) : "",
    target ? `${showTarget(target)} ${isReached ? "reached" : "MISSED"}` : "",
  ];
}

function showSummary({ median, spread }: Summary): string {
  return `${showNumber(median)} ±${(spread * 100).toFixed(0)} %`;
}

function showTarget({ of, bound, value }: Target): string {
  return `${of === "ratio" ? "ratio " : ""}${bound === "at most" ? "≤" : "≥"} ${showNumber(value)}`;
}

/** Writes a number with three significant digits, or all digits before the point. */
function showNumber(value: number): string {
  if (Math.abs(value) >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return value.toPrecision(3);
}
