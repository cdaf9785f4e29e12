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
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

const json = JSON as unknown as JsonWithSource;

/**
 * Parses JSON so that {@linkcode JSON.stringify} writes every number as it was written before.
 *
 * A double holds integers of 53 bits, so a 64-bit id would be rounded. A number that a double
 * would write otherwise is parsed to a raw JSON object, which {@linkcode JSON.stringify} understands.
 *
 * @throws {SyntaxError} The text is not JSON
 */
export function parseJsonExactly(text: string): unknown {
  if (!WIDE_NUMBER.test(text) && !HAS_WIDE_NUMBER.test(text)) return JSON.parse(text);
  return json.parse(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && source !== undefined && WIDE_NUMBER.test(source) &&
        String(value) !== source
        ? json.rawJSON(source)
        : value,
  );
}

/** The number of a raw JSON object, as a double holds it. Any other value is returned unchanged. */
export function plainNumber(value: unknown): unknown {
  return json.isRawJSON(value) ? Number(value.rawJSON) : value;
}

/** Whether a value is an object in the sense of JSON: neither `null` nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
