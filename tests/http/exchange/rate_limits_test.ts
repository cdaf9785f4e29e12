import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { RateLimits } from "../../../src/http/exchange/rate_limits.ts";

Deno.test("[HTTP5] a limit is forgotten when it is as a new one", () => {
  const limits = new RateLimits({ requests: 1, bytes: 1000 });
  const address = { address: "10.0.0.1" };
  const first = limits.of(address, 0);
  for (let i = 0; i < 1000; i++) limits.of({ user: `${i}` }, i);
  assertStrictEquals(limits.of(address, 1000), first);
  assertEquals(limits.size, 1001);

  // A user is another than an address, whatever the name.
  assertNotStrictEquals(limits.of({ user: "10.0.0.1" }, 20_500), first);
  assertEquals(limits.size, 501);
  assertStrictEquals(limits.of(address, 20_999), first);
  assertNotStrictEquals(limits.of(address, 60_000), first);
  assertEquals(limits.size, 1);
});
