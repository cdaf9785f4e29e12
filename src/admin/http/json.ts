/**
 * JSON of answers that may be long, in pieces.
 */
import type { Pieces } from "./pieces.ts";

/** The depth at which an item of a list of an answer stands. */
export const ITEM_DEPTH = 2;

/** A value as JSON that is indented for people, at this depth. */
export function toJson(value: unknown, depth = 0): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", `\n${"  ".repeat(depth)}`);
}

/** Writes a list whose items are JSON, at {@linkcode ITEM_DEPTH}. */
export function* listPieces(texts: readonly string[]): Pieces {
  yield "[";
  for (const [i, text] of texts.entries()) yield `${i === 0 ? "" : ","}\n    ${text}`;
  yield texts.length === 0 ? "]" : "\n  ]";
}

/**
 * Writes an object. A member may be pieces of JSON, or a function that is called when everything in front
 * of it is written.
 */
export function* objectPieces(members: Readonly<Record<string, unknown>>): Pieces {
  let isFirst = true;
  for (const [name, member] of Object.entries(members)) {
    yield `${isFirst ? "{" : ","}\n  ${JSON.stringify(name)}: `;
    isFirst = false;
    if (member instanceof Iterator) yield* member as Pieces;
    else yield toJson(typeof member === "function" ? member() : member, 1);
  }
  yield "\n}\n";
}
