/** Statistics of the values of several rounds. */

/** The value in the middle; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * The value below which a part of all values is, such as 0.99, with linear interpolation between the
 * two values next to it. NaN if there are no values.
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = part * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below === above ? below : below + (above - below) * (place % 1);
}

/**
 * The spread of values: half the distance from the lowest to the highest, as a part of the median. 0.1
 * is ±10 %.
 */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  const half = (Math.max(...values) - Math.min(...values)) / 2;
  return half === 0 ? 0 : half / Math.abs(middle);
}
