/**
 * Values of JSON as they were written: what has no schema goes through byte for byte (REQ4).
 */
import { isSameButCase } from "./key_case.ts";

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
 * @returns The bytes of the value; `undefined` if there is none
 */
export function sourceOf(json: Uint8Array, path: readonly string[]): Uint8Array | undefined {
  let range: Range | undefined = [json[0] === MARK_BYTE ? MARK_BYTES : 0, json.length];
  for (const name of path) {
    range = memberOf(json, range[0], name);
    if (!range) return undefined;
  }
  return json.subarray(...range);
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

/** How a key matches a name. Only a key that is longer than the name can have escapes and match. */
function matchOf(
  json: Uint8Array,
  [start, end]: Range,
  name: string,
): "exact" | "but case" | "not" {
  const length = end - start - 2;
  if (length < name.length) return "not";
  const key = json.subarray(start, end);
  if (length > name.length && !key.includes(BACKSLASH)) return "not";
  // Most keys are those of the rules. To decode each of them takes as long as all the rest.
  if (length === name.length && isText(key, name)) return "exact";
  const text: string = JSON.parse(decoder.decode(key));
  return text === name ? "exact" : isSameButCase(name, text) ? "but case" : "not";
}

/** Whether a string in quotes is an ASCII text. */
function isText(string: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (string[i + 1] !== text.charCodeAt(i)) return false;
  }
  return true;
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
