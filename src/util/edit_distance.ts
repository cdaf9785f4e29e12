/**
 * How much two words differ, to guess which name a misspelled one stands for.
 */

/**
 * Counts the characters that have to be inserted, deleted or replaced to make one text of the other
 * (the Levenshtein distance). It takes time in proportion to the product of both lengths.
 */
export function editDistance(from: string, to: string): number {
  // distances[i] is the distance from what of `from` has been read to the first i characters of `to`.
  let distances = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let read = 1; read <= from.length; read++) {
    const next = [read];
    for (let i = 1; i <= to.length; i++) {
      const [left, above, diagonal] = [next[i - 1], distances[i], distances[i - 1]] as [
        number,
        number,
        number,
      ];
      const replaced = diagonal + (from[read - 1] === to[i - 1] ? 0 : 1);
      next.push(Math.min(left + 1, above + 1, replaced));
    }
    distances = next;
  }
  return distances[to.length] as number;
}
