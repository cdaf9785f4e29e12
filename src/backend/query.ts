/**
 * The query of a URL, written by hand for speed: `URLSearchParams` takes ten times as long for parameters
 * without special characters. This writes the same, as a property test shows.
 */

/** A text that stands in a query as it is. */
const PLAIN = /^[\w*.-]*$/;

/** Writes parameters as `application/x-www-form-urlencoded`, as {@linkcode URLSearchParams} does. */
export function queryOf(params: readonly (readonly [name: string, value: string])[]): string {
  return params.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}

function encode(text: string): string {
  return PLAIN.test(text) ? text : new URLSearchParams([["", text]]).toString().slice("=".length);
}
