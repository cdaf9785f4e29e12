/**
 * What is wrong with a client's request, said so that its developer can mend it.
 */
import * as z from "zod";
import { toJsonSchema } from "../util/json_schema.ts";
import { CommandError, type Problem, type Slug } from "./errors.ts";

/** A key that may be missing; `null` is the same as missing (REQ4). */
export function optional<S extends z.ZodType>(schema: S) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** An id as backends have them, which number or name things. */
export const idSchema = z.union([z.string(), z.int()], "expected a string or a whole number");

/**
 * Tokens that can be a header's value as they are (BCK2): printable Latin-1, without the spaces at
 * their ends that HTTP takes off. Line breaks would be header injection.
 */
export const HEADER_VALUE = /^(?! )[\x20-\x7e\xa0-\xff]*(?<! )$/;

/** A list of which only the first element that is wrong is told of, however many there are. */
export function listOf<T>(element: z.ZodType<T, T>): z.ZodType<T[], T[]> {
  const list = z.array(z.unknown()).meta({
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
  // What it takes is known better than it tells.
  return parsedList as z.ZodType<T[], T[]>;
}

/**
 * Parses a client's value, which stands at `path` of the request.
 *
 * @throws {CommandError} One problem for each thing that is wrong, with the given slug
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

/** What is wrong, of an issue's message; what it was instead is said elsewhere, or not to be said. */
export function reasonOf(message: string): string {
  return message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
}

function describe(path: string, { message, input }: z.core.$ZodIssue): string {
  const reason = reasonOf(message);
  return input === undefined
    ? `Missing ${path}: ${reason}`
    : `Cannot take ${show(path, input)} as ${path}: ${reason}`;
}

/** The value, short; of a token, nothing (ERR3). */
function show(path: string, value: unknown): string {
  if (/token/i.test(path)) return "this value";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
