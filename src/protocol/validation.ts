/**
 * Parses values from outside with zod, and tells a client's developer exactly what is wrong with them.
 */
import * as z from "zod";
import { toJsonSchema } from "../util/json_schema.ts";
import { CommandError, type Problem, type Slug } from "./errors.ts";

/** An optional key; `null` means that it is absent (REQ4). */
export function optional<S extends z.ZodType>(schema: S) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A rid that a client may choose (REQ1). */
export const ridSchema = z.int().min(1);

/** An id from a backend; some backends use numbers, some use strings. */
export const idSchema = z.union([z.string(), z.int()], "expected a string or a whole number");

/**
 * A user's id as text (AUTH5): the user API and the topic may write it as a string or as a number. All
 * ids of users pass this schema, so that both ways mean the same user.
 */
export const userIdSchema = idSchema
  .refine((id) => id !== "", "expected a non-empty id")
  .meta({ not: { const: "" } })
  .transform(String);

/**
 * Strings that can be a header's value unchanged (BCK2): printable Latin-1. Spaces at the ends are not
 * allowed because HTTP removes them, and line breaks because they would start another header.
 */
export const HEADER_VALUE = /^(?! )[\x20-\x7e\xa0-\xff]*(?<! )$/;

/** The most elements of a list that selects something, and the most UTF-16 units of each (LIM5). */
export const MAX_SELECTED = 1000;
const MAX_SELECTED_LENGTH = 200;

/** A list that selects something, such as types or ids: neither it nor its elements are long (LIM5). */
export function selectionOf<T extends string | number>(
  element: z.ZodType<T, T>,
): z.ZodType<T[], T[]> {
  const short = element
    .refine(
      (item) => String(item).length <= MAX_SELECTED_LENGTH,
      `expected at most ${MAX_SELECTED_LENGTH} UTF-16 units`,
    )
    .meta({ maxLength: MAX_SELECTED_LENGTH });
  return listOf(short, MAX_SELECTED);
}

/** A list. If elements are invalid, only the first one is reported. */
function listOf<T>(element: z.ZodType<T, T>, maxItems: number): z.ZodType<T[], T[]> {
  const unknowns = z.array(z.unknown()).max(maxItems, `expected at most ${maxItems} items`);
  const list = unknowns.meta({
    get items() {
      return toJsonSchema(element);
    },
  });
  const parsedList = list.transform((items, context) => {
    const parsed: T[] = [];
    for (const [index, item] of items.entries()) {
      const result = element.safeParse(item);
      if (!result.success) {
        const message = result.error.issues[0]?.message ?? "not usable";
        context.issues.push({ code: "custom", message, input: item, path: [index] });
        return z.NEVER;
      }
      parsed.push(result.data);
    }
    return parsed;
  });
  // zod infers `unknown[]` as the input, but only lists of T are valid.
  return parsedList as z.ZodType<T[], T[]>;
}

/**
 * A list of strings that may be very long. It says what {@linkcode listOf} would; to ask a schema for each
 * of 100,000 strings takes 40 ms.
 */
export function listOfStrings(): z.ZodType<string[], string[]> {
  const strings = z.array(z.unknown()).meta({ items: { type: "string" } })
    .transform((items, context) => {
      const wrong = items.findIndex((item) => typeof item !== "string");
      if (wrong === -1) return items as string[];
      const message = "expected string";
      context.issues.push({ code: "custom", message, input: items[wrong], path: [wrong] });
      return z.NEVER;
    });
  return strings as z.ZodType<string[], string[]>;
}

/**
 * Parses a value from a client's request.
 *
 * @param options.path Where in the request the value is
 * @throws {CommandError} Has one problem for each part that is invalid, with the given slug
 */
export function parseOrRefuse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  { path, slug }: { path: readonly PropertyKey[]; slug: Slug },
): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const [first, ...rest] = result.error.issues.map((issue): Problem => {
    const at = [...path, ...issue.path].join(".");
    return { slug, path: at, message: describe(at, issue) };
  });
  throw first ? new CommandError(first, ...rest) : result.error;
}

/** The part of an issue's message that says what is expected, without the value that was found. */
export function reasonOf(message: string): string {
  return message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
}

function describe(path: string, { message, input }: z.core.$ZodIssue): string {
  const reason = reasonOf(message);
  return input === undefined
    ? `Missing ${path}: ${reason}`
    : `Cannot take ${show(path, input)} as ${path}: ${reason}`;
}

/** The value, shortened. A token is not shown (ERR3). */
function show(path: string, value: unknown): string {
  if (/token/i.test(path)) return "this value";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
