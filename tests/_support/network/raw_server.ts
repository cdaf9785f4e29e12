/** A server that answers each connection with these bytes, whatever the request, and closes it. */
export function startRawServer(...answers: (string | Uint8Array)[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = { count: 0 };
  const done = (async () => {
    for await (const conn of listener) {
      const answer = answers[Math.min(taken.count++, answers.length - 1)] ?? "";
      await conn.read(new Uint8Array(4096)).catch(() => {});
      const bytes = typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
      await conn.write(bytes).catch(() => {});
      conn.close();
    }
  })().catch(() => {});
  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/`,
    taken,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}
