/**
 * Zod schemas as JSON Schema, and references within a JSON document.
 */
import * as z from "zod";

/** A JSON Schema of draft 7. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * Describes the input of a schema.
 *
 * A check or transformation by a function can't be described. Such a schema must have the keywords
 * that say the same in its metadata (`meta`); they are copied into the result.
 */
export function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, { io: "input", target: "draft-7" });
  return jsonSchema;
}

/** A reference to another place in the document. */
export function ref(...path: string[]): { $ref: string } {
  return { $ref: `#/${path.join("/")}` };
}
