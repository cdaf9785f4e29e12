/**
 * Bodies of requests to the admin port.
 */
import type * as z from "zod";
import { reasonOf } from "../../protocol/validation.ts";
import { isDoneWithin } from "../../util/delay.ts";
import { Refusal } from "./requests.ts";

/** The most bytes of a body, and the most milliseconds until it has arrived. */
const MAX_BODY_BYTES = 1024;
const BODY_MS = 5000;

/**
 * Reads and parses a JSON body.
 *
 * @throws {Refusal} The body is too large, too slow or not JSON, or the schema refuses it
 */
export async function parseBody<S extends z.ZodType>(
  request: Request,
  schema: S,
): Promise<z.output<S>> {
  let value: unknown;
  try {
    value = JSON.parse(await readBody(request));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Refusal(400, "Cannot read the body: it is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const reason = reasonOf(issue?.message ?? "not usable");
  throw new Refusal(400, `Cannot take ${issue?.path.join(".") || "the body"}: ${reason}`);
}

async function readBody({ body }: Request): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const reading = (async () => {
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) {
        throw new Refusal(413, `The body has more than ${MAX_BODY_BYTES} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
  })();
  if (!await isDoneWithin(BODY_MS, reading)) {
    throw new Refusal(408, `The body did not arrive within ${BODY_MS} ms`);
  }
  return text + decoder.decode();
}
