/**
 * JSON whose numbers keep all of their digits.
 */

/** A number that a double may not hold: at least 16 digits, or an exponent of three digits. */
const WIDE_NUMBER = /^-?(?:(?:\d\.?){16}|\d+(?:\.\d+)?e[+-]?\d{3})/i;
/** The same inside of an array or object. Digits in a string do not match. */
const HAS_WIDE_NUMBER = new RegExp(WIDE_NUMBER.source.replace("^", "[\\s:,[]"), "i");
/** An escaped character, the beginning or end of a string, or what may be a wide number. */
const MARKABLE = /\\[^]|"|-?\d[-+.\deE]{3}[-+.\deE]*/g;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** Parts of ECMAScript that TypeScript's library does not declare yet. */
interface JsonWithSource {
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
 * It does not use a reviver: V8 would make a string of each index of an array and keep it in its table of
 * strings, where indices in a row collide. Afterwards, any JSON with strings would be parsed up to a
 * hundred times slower.
 *
 * @throws {SyntaxError} The text is not JSON
 * @throws {RangeError} The text has such a number, and is nested deeper than the stack allows
 */
export function parseJsonExactly(text: string): unknown {
  if (!WIDE_NUMBER.test(text) && !HAS_WIDE_NUMBER.test(text)) return JSON.parse(text);
  // No text contains it, because nobody can guess it.
  const key = crypto.randomUUID();
  let isInString = false;
  const marked = text.replace(MARKABLE, (token) => {
    if (token === '"') isInString = !isInString;
    if (isInString) return token;
    const isKept = NUMBER.test(token) && WIDE_NUMBER.test(token) && String(Number(token)) !== token;
    return isKept ? `{"${key}":"${token}"}` : token;
  });
  let value: unknown;
  try {
    value = JSON.parse(marked);
  } catch {
    // The error's position is that in the text.
    return JSON.parse(text);
  }
  return replaceMarks(value, key);
}

/** Puts raw JSON objects in place of the numbers that were marked. */
function replaceMarks(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = replaceMarks(value[i], key);
    return value;
  }
  const members = value as Record<string, unknown>;
  const number = members[key];
  if (typeof number === "string") return json.rawJSON(number);
  for (const name of Object.keys(members)) {
    const member = members[name];
    const replaced = replaceMarks(member, key);
    // An assignment to `__proto__` would set the prototype.
    if (replaced !== member) Object.defineProperty(members, name, { value: replaced });
  }
  return members;
}

/** The number of a raw JSON object, as a double holds it. Any other value is returned unchanged. */
export function plainNumber(value: unknown): unknown {
  return json.isRawJSON(value) ? Number(value.rawJSON) : value;
}

/** Whether a value is an object in the sense of JSON: neither `null` nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
