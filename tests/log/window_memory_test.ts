/** The memory of the window; see also tests/load. */
import { assertWindowIsCounted } from "../_support/memory/heap.ts";

Deno.test("[DEL7] the bytes that the window counts are those on the heap, to 30 %", () =>
  assertWindowIsCounted({ messages: 10_000 }));
