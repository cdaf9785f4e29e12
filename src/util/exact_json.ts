/**
 * JSON whose numbers keep all of their digits.
 */

/** A number that a double may not hold: at least 16 digits, or an exponent of three digits. */
const WIDE_NUMBER = /^-?(?:(?:\d\.?){16}|\d+(?:\.\d+)?e[+-]?\d{3})/i;
/** The same inside of an array or object. Digits in a string do not match. */
const HAS_WIDE_NUMBER = new RegExp(WIDE_NUMBER.source.replace("^", "[\\s:,[]"), "i");

/** Parts of ECMAScript that TypeScript's library does not declare yet. */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

/**
 * Parses JSON so that {@linkcode JSON.stringify} writes every number as it was written before.
 *
 * A double holds integers of 53 bits, so a 64-bit id would be rounded. Numbers that a double may
 * not hold are parsed to raw JSON objects, which only {@linkcode JSON.stringify} understands.
 *
 * @throws {SyntaxError} The text is not JSON
 */
export function parseJsonExactly(text: string): unknown {
  if (!WIDE_NUMBER.test(text) && !HAS_WIDE_NUMBER.test(text)) return JSON.parse(text);
  const json = JSON as unknown as JsonWithSource;
  return json.parse(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && source !== undefined && WIDE_NUMBER.test(source)
        ? json.rawJSON(source)
        : value,
  );
}

/** Whether a value is an object in the sense of JSON: neither `null` nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
