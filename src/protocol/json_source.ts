/**
 * Values of JSON as they were written: what has no schema goes through byte for byte (REQ4).
 */
import { isSameButCase, lowerCase } from "./key_case.ts";

const [QUOTE, BACKSLASH, COMMA, OPEN_BRACKET, OPEN_BRACE, CLOSE_BRACKET, CLOSE_BRACE, SPACE] =
  new TextEncoder().encode('"\\,[{]} ') as unknown as Eight<number>;
type Eight<T> = [T, T, T, T, T, T, T, T];
/** The length and the first byte of a byte order mark. */
const MARK_BYTES = 3;
const MARK_BYTE = 0xef;

const decoder = new TextDecoder();

/** Where a value begins, and where it has ended. */
type Range = readonly [start: number, end: number];

/**
 * Finds a value in JSON. A name on its way is taken as `keyNamer` takes it: exactly, else with letters of
 * another case; of several that are alike, the last one.
 *
 * @param json UTF-8 that `JSON.parse` takes
 * @returns Where the value begins, and where it has ended; `undefined` if there is none
 */
export function placeOf(json: Uint8Array, path: readonly string[]): Range | undefined {
  let range: Range | undefined = [json[0] === MARK_BYTE ? MARK_BYTES : 0, json.length];
  for (const name of path) {
    range = memberOf(json, range[0], name);
    if (!range) return undefined;
  }
  return range;
}

/** Finds a member of the value at a place. */
function memberOf(json: Uint8Array, place: number, name: string): Range | undefined {
  let at = afterSpace(json, place);
  if (json[at] !== OPEN_BRACE) return undefined;
  let exact: Range | undefined;
  let other: Range | undefined;
  at = afterSpace(json, at + 1);
  while (json[at] === QUOTE) {
    const key: Range = [at, endOfString(json, at)];
    // Between the two is a colon.
    const start = afterSpace(json, afterSpace(json, key[1]) + 1);
    const value: Range = [start, endOfValue(json, start)];
    const match = matchOf(json, key, name);
    if (match === "exact") exact = value;
    else if (match === "but case") other = value;
    at = afterSpace(json, value[1]);
    if (json[at] === COMMA) at = afterSpace(json, at + 1);
  }
  return exact ?? other;
}

/** How a key matches a name. */
function matchOf(
  json: Uint8Array,
  [start, end]: Range,
  name: string,
): "exact" | "but case" | "not" {
  const length = end - start - 2;
  if (length < name.length) return "not";
  // Only a key that is longer than the name can have escapes and match.
  if (length > name.length) {
    if (!hasEscape(json, start, end)) return "not";
    const key: string = JSON.parse(decoder.decode(json.subarray(start, end)));
    return key === name ? "exact" : isSameButCase(name, key) ? "but case" : "not";
  }
  let isExact = true;
  for (let i = 0; i < length; i++) {
    const [code, given] = [name.charCodeAt(i), json[start + 1 + i] ?? NaN];
    if (code === given) continue;
    if (lowerCase(code) !== lowerCase(given)) return "not";
    isExact = false;
  }
  return isExact ? "exact" : "but case";
}

function hasEscape(json: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (json[at] === BACKSLASH) return true;
  return false;
}

function afterSpace(json: Uint8Array, place: number): number {
  let at = place;
  // All of the other characters that JSON allows there come before the space.
  while ((json[at] ?? Infinity) <= SPACE) at++;
  return at;
}

function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function endOfValue(json: Uint8Array, start: number): number {
  if (json[start] === QUOTE) return endOfString(json, start);
  let depth = 0;
  for (let at = start;; at++) {
    const byte = json[at] ?? COMMA;
    if (byte === QUOTE) at = endOfString(json, at) - 1;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) depth++;
    else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      // That of an object in which a number or a word stands is not its own.
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= SPACE)) return at;
  }
}
