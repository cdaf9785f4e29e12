/**
 * The address of a client, as it is counted (LIM1, LIM7).
 */

/** What is in front of an IPv4 address in IPv6: if it is mapped (RFC 4291), and behind NAT64 (RFC 6052). */
const IPV4_PREFIXES = ["0:0:0:0:0:ffff", "64:ff9b:0:0:0:0"];

/**
 * Gives the key of an address: the same one for all spellings of it, with or without a port. All
 * addresses of an IPv6 network of 64 bits have one key, because one client may use any of them. A text
 * that is no address, such as nginx's `unix:`, is its own key.
 */
export function addressKey(text: string): string {
  const [, address = ""] = /^"?(.*?)"?$/s.exec(text.trim()) ?? [];
  const [, host = address] = /^\[([^\]]*)\](?::\d*)?$/.exec(address) ?? [];
  const [, ...bytes] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?::\d*)?$/.exec(host) ?? [];
  if (bytes.length === 4 && bytes.every((byte) => Number(byte) < 256)) {
    return bytes.map(Number).join(".");
  }
  const [withoutZone = ""] = host.split("%");
  const groups = parseIpv6(withoutZone);
  if (!groups) return host;
  if (IPV4_PREFIXES.includes(textOf(groups.slice(0, 6)))) {
    return groups.slice(6).flatMap((group) => [group >> 8, group & 255]).join(".");
  }
  return `${textOf(groups.slice(0, 4))}::/64`;
}

function textOf(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
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
