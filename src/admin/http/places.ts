/**
 * Places in lists whose items may come and go from one page to the next.
 */
import * as z from "zod";
import { parseParam } from "./params.ts";

/** The place of an item, which need not be there any more. */
export interface Place {
  /** When the item began, in milliseconds since 1970. */
  readonly at: number;
  readonly id: string;
}

const placeSchema = z.string().regex(/^\d{1,15}-.{1,100}$/, "expected the `next` of an answer")
  .transform((text): Place => {
    const end = text.indexOf("-");
    return { at: Number(text.slice(0, end)), id: text.slice(end + 1) };
  });

/**
 * The place behind which a request wants to read, if it gives one as `after`.
 *
 * @throws {Refusal} It is not usable
 */
export function placeAfter(params: URLSearchParams): Place | null {
  return params.has("after") ? parseParam(params, { name: "after", schema: placeSchema }) : null;
}

/** A place as {@linkcode placeAfter} reads it. */
export function placeText({ at, id }: Place): string {
  return `${at}-${id}`;
}

/** Compares places: in the order of time, and of ids where that is the same. */
export function byPlace(a: Place, b: Place): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
