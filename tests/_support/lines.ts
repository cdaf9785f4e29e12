/** Text that comes in pieces, line by line. */

/** Gives each line of a stream, also the last one if it has no line break. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    parts.forEach(take);
  }
  if (rest) take(rest);
}
