import { assertEquals } from "@std/assert";
import { whyNotFetched } from "../../src/backend/unreadable.ts";

/** What the platform says after the URL. */
const REFUSED = "error sending request: client error (Connect): tcp connect error: " +
  "Connection refused (os error 111)";

Deno.test("why a fetch failed is told without any part of its URL", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  for (const query of ["key=s3cr3t", "key=a)s3cr3t", "key=a):s3cr3t", "key=(a): s3cr3t", "k=)"]) {
    const error = await fetch(`http://127.0.0.1:${port}/jwks?${query}`).catch((error) => error);
    const why = whyNotFetched(error);
    assertEquals(
      why,
      REFUSED,
    );
  }
});
