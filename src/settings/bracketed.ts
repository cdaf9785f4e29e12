/** A host as it is written in front of a port: an IPv6 address is in brackets. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
