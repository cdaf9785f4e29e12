/**
 * Parameters of requests to the admin port.
 */
import * as z from "zod";
import { reasonOf } from "../../protocol/validation.ts";
import { Refusal } from "./requests.ts";

/**
 * Parses a parameter of the query.
 *
 * @throws {Refusal} The parameter is missing, or the schema refuses it
 */
export function parseParam<S extends z.ZodType>(
  params: URLSearchParams,
  { name, schema }: { name: string; schema: S },
): z.output<S> {
  const value = params.get(name);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const message = reasonOf(result.error.issues[0]?.message ?? "not usable");
  throw new Refusal(
    400,
    value === null
      ? `Missing ?${name}=: ${message}`
      : `Cannot take ${JSON.stringify(value)} as ${name}: ${message}`,
  );
}

/** The most items of a list: without `?limit=`, and the largest limit. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

const limitSchema = z.string().transform(Number).pipe(z.int().min(1).max(MAX_LIMIT));

/**
 * The limit that a request gives for its list.
 *
 * @throws {Refusal} It is not usable
 */
export function limitOf(params: URLSearchParams): number {
  return params.has("limit")
    ? parseParam(params, { name: "limit", schema: limitSchema })
    : DEFAULT_LIMIT;
}

/** The path of a request for what an answer has left out: that of the answer, with these parameters. */
export function nextPath(
  pathname: string,
  params: URLSearchParams,
  changes: Record<string, string>,
): string {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) next.set(name, value);
  return `${pathname}?${next}`;
}
