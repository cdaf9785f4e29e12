/**
 * What zod schemas say, as JSON Schema: for the people and tools that a document tells of them.
 */
import * as z from "zod";

/** A JSON Schema of draft 7, which is what AsyncAPI builds on. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * Tells what a schema takes.
 *
 * What a schema checks or transforms by a function can't be seen from outside: such a schema carries
 * the keywords that say the same as its metadata (`meta`), from where they go into the result.
 */
export function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, { io: "input", target: "draft-7" });
  return jsonSchema;
}
