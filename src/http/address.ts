/**
 * The address of a client, as it is counted (LIM1, LIM7).
 */

/**
 * Gives the key of an address: the same one for all spellings of it, with or without a port. All
 * addresses of an IPv6 network of 64 bits have one key, because one client may use any of them. A text
 * that is no address, such as nginx's `unix:`, is its own key.
 */
export function addressKey(text: string): string {
  const address = text.trim();
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(:\d*)?$/.exec(address);
  if (v4) return v4.slice(1, 5).map(Number).join(".");
  const [, bracketed = address] = /^\[([^\]]*)\](?::\d*)?$/.exec(address) ?? [];
  const [withoutZone = ""] = bracketed.split("%");
  const groups = parseIpv6(withoutZone);
  if (!groups) return address;
  const network = groups.slice(0, 4);
  const [fifth, sixth, high = 0, low = 0] = groups.slice(4);
  if (network.every((group) => group === 0) && fifth === 0 && sixth === 0xffff) {
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}

/** Gives the eight groups of an IPv6 address. */
function parseIpv6(text: string): number[] | null {
  if (!/^[\da-f:.]+$/i.test(text)) return null;
  // The parser of URLs knows all spellings, and writes the address in one: without leading zeros and
  // dots, and with "::" for the longest run of zeros.
  const written = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
  if (written === undefined) return null;
  const [front = [], back = []] = written.split("::").map((half) => half ? half.split(":") : []);
  const zeros = Array<string>(8 - front.length - back.length).fill("0");
  return [...front, ...zeros, ...back].map((group) => parseInt(group, 16));
}
