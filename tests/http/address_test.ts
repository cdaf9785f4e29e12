import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { addressKey } from "../../src/http/address.ts";

const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff));
const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 });
const ipv4 = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 });

/** The ways to write an address that do not change which one it is. */
const style = fc.record({
  padded: fc.boolean(),
  upperCase: fc.boolean(),
  /** Which of the runs of zeros becomes "::", if there is one. */
  shortened: fc.option(fc.nat(7)),
  /** The last 32 bits as an IPv4 address. */
  dotted: fc.boolean(),
  zone: fc.boolean(),
  brackets: fc.boolean(),
  port: fc.option(fc.nat(65_535)),
  spaces: fc.constantFrom("", " ", "\t "),
});
type Style = typeof style extends fc.Arbitrary<infer T> ? T : never;

function writeIpv6(groups: readonly number[], style: Style): string {
  const words = groups.map((group) => group.toString(16).padStart(style.padded ? 4 : 1, "0"));
  if (style.dotted) {
    const [high = 0, low = 0] = groups.slice(6);
    words.splice(6, 2, [high >> 8, high & 255, low >> 8, low & 255].join("."));
  }
  let text = words.join(":");
  const start = style.shortened;
  const isZero = (word: string | undefined) => word !== undefined && /^0+$/.test(word);
  if (start !== null && isZero(words[start])) {
    let end = start;
    while (isZero(words[end])) end++;
    text = `${words.slice(0, start).join(":")}::${words.slice(end).join(":")}`;
  }
  if (style.upperCase) text = text.toUpperCase();
  if (style.zone) text += "%eth0";
  if (style.port !== null) text = `[${text}]:${style.port}`;
  else if (style.brackets) text = `[${text}]`;
  return `${style.spaces}${text}${style.spaces}`;
}

Deno.test("[LIM1] an IPv6 address is one address in every spelling, with or without a port", () => {
  fc.assert(
    fc.property(ipv6, style, style, (groups, one, other) => {
      assertEquals(addressKey(writeIpv6(groups, one)), addressKey(writeIpv6(groups, other)));
    }),
  );
});

Deno.test("[LIM1] addresses of one IPv6 network of 64 bits count as one, those of others do not", () => {
  const isMapped = (groups: number[]) => /^0,0,0,0,0,65535,/.test(groups.join());
  fc.assert(
    fc.property(ipv6, ipv6, style, style, (one, other, oneStyle, otherStyle) => {
      fc.pre(!isMapped(one) && !isMapped(other));
      const key = addressKey(writeIpv6(one, oneStyle));
      const neighbour = [...one.slice(0, 4), ...other.slice(4)];
      fc.pre(!isMapped(neighbour));
      assertEquals(addressKey(writeIpv6(neighbour, otherStyle)), key);

      const isSame = one.slice(0, 4).join() === other.slice(0, 4).join();
      const compare = isSame ? assertEquals : assertNotEquals;
      compare(addressKey(writeIpv6(other, otherStyle)), key);
    }),
  );
});

Deno.test("[LIM1] an IPv4 address is the same with a port, and mapped into IPv6", () => {
  fc.assert(
    fc.property(ipv4, ipv4, style, (one, other, style) => {
      const [a = 0, b = 0, c = 0, d = 0] = one;
      const mapped = [0, 0, 0, 0, 0, 0xffff, a << 8 | b, c << 8 | d];
      const key = one.join(".");
      assertEquals(addressKey(key), key);
      assertEquals(addressKey(` ${key}:${style.port ?? 80}`), key);
      assertEquals(addressKey(writeIpv6(mapped, style)), key);
      assertEquals(addressKey(other.join(".")) === key, other.join() === one.join());
    }),
  );
});

Deno.test("[LIM1] a text that is no address is its own key", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    fc.pre(!/[.:"[\]]/.test(text));
    assertEquals(addressKey(text), text.trim());
  }));
  for (
    const text of [
      "unix:",
      "unknown",
      "_hidden",
      "1.2.3",
      "1.2.3.4.5",
      "::1::",
      "[::1",
      "a:b",
      "999.1.1.1",
    ]
  ) {
    assertEquals(addressKey(text), text);
  }
});

Deno.test("[LIM1] an address is the same in quotes, in brackets with a port, and behind NAT64", () => {
  for (
    const text of ['"1.2.3.4:80"', "[1.2.3.4]:80", "64:ff9b::1.2.3.4", '"[64:ff9b::102:304]:80"']
  ) {
    assertEquals(addressKey(text), "1.2.3.4", text);
  }
  assertEquals(addressKey('"[2001:db8::1]:80"'), addressKey("2001:db8::2"));
  assertEquals(addressKey("[unknown]:80"), "unknown");
});
