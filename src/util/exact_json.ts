/**
 * JSON as it comes in, from clients, the backend and Kafka.
 */

/** A number that a double may not hold: 16 digits or more, or an exponent of three digits. */
const WIDE_NUMBER = /^-?(?:(?:\d\.?){16}|\d+(?:\.\d+)?e[+-]?\d{3})/i;
/** The same inside of something. Ids in quotes, which may have as many digits, are none. */
const HAS_WIDE_NUMBER = new RegExp(WIDE_NUMBER.source.replace("^", "[\\s:,[]"), "i");

/** Part of ECMAScript that TypeScript's library does not declare yet. */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

/**
 * Parses text so that {@linkcode JSON.stringify} gives numbers back as they were written, also those
 * that a double can't hold: backends number things with 64 bits, a double holds 53.
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

/** Whether a value is what JSON calls an object: neither `null` nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
