/** The same bytes of HTTP/1.1, with another header in place of `Upgrade`. They may be changed. */
export function withoutUpgrade(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  const at = text.search(/\r\nupgrade: websocket\r\n/i);
  if (at >= 0) bytes.set(new TextEncoder().encode("x-never"), at + 2);
  return bytes;
}
