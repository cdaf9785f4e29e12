/** Input that is there, and that the platform has only to look for. */
export async function openInput() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [client, server] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  return {
    /** Writes a byte; resolves when it was read. */
    async read(): Promise<void> {
      const reading = server.read(new Uint8Array(1));
      await client.write(new Uint8Array(1));
      await reading;
    },
    [Symbol.dispose]() {
      for (const closing of [client, server, listener]) closing.close();
    },
  };
}
