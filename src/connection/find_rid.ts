/**
 * Finds the rid of a frame that is refused without being parsed (LIM6): in its first and its last 4 KiB,
 * without making an object.
 */
import { NO_RID } from "../protocol/frames.ts";
import { ridSchema } from "../protocol/validation.ts";

/** Characters at each end of a frame that are looked at. */
const SCANNED = 4096;

/**
 * The rid of a request, if it stands near an end of its frame, outside of the options.
 *
 * @param text A frame that should have one request
 * @returns -1 if no rid was found that a client may choose (REQ1, REQ2)
 */
export function findRid(text: string): number {
  const [start, end] = [text.slice(0, SCANNED), text.slice(-SCANNED)];
  const rid = [EXACT_KEY, KEY]
    .map((key) => ridNearEnd(end, key) ?? ridNearStart(start, key))
    .find((rid) => rid !== undefined);
  const parsed = ridSchema.safeParse(Number(rid));
  return parsed.success ? parsed.data : NO_RID;
}

/** The key with its quotes: as the rule names it, and in any case, which counts without that (REQ4). */
const EXACT_KEY = /^"rid"$/;
const KEY = /^"rid"$/i;
/** What follows the key of a rid. */
const RID_VALUE = /\s*:\s*(\d{1,16})\s*[,}]/y;

/** The first rid of the object that begins here. */
function ridNearStart(text: string, key: RegExp): string | undefined {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === '"') {
      const end = endOfString(text, i);
      const rid = depth === 1 ? ridAt(text, [i, end], key) : undefined;
      if (rid !== undefined) return rid;
      i = end;
    }
  }
  return undefined;
}

/** The last rid of the object that ends here. Of two rids, JSON takes the last one as well. */
function ridNearEnd(text: string, key: RegExp): string | undefined {
  let depth = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    const character = text[i];
    if (character === "}" || character === "]") depth++;
    else if (character === "{" || character === "[") depth--;
    else if (character === '"') {
      const start = startOfString(text, i);
      const rid = depth === 1 ? ridAt(text, [start, i], key) : undefined;
      if (rid !== undefined) return rid;
      i = start;
    }
  }
  return undefined;
}

/** Where the string ends that begins with the quote at `start`; the text's length if it is cut off. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '"') return i;
    if (text[i] === "\\") i++;
  }
  return text.length;
}

/** Where the string begins that ends with the quote at `end`; -1 if its begin is cut off. */
function startOfString(text: string, end: number): number {
  for (let i = end - 1; i >= 0; i--) {
    if (text[i] !== '"') continue;
    let backslashes = 0;
    while (text[i - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return i;
  }
  return -1;
}

/** The rid whose key has its quotes at these places. */
function ridAt(
  text: string,
  [start, end]: readonly [number, number],
  key: RegExp,
): string | undefined {
  if (!key.test(text.slice(start, end + 1))) return undefined;
  RID_VALUE.lastIndex = end + 1;
  return RID_VALUE.exec(text)?.[1];
}
