/**
 * The origins of ALLOWED_ORIGINS: `*`, an origin as clients send it, or one with `*.` in front of its
 * host, which means all subdomains.
 */

/** Whether a text can be an item of ALLOWED_ORIGINS. */
export function isOriginPattern(text: string): boolean {
  if (text === "*" || text === "null") return true;
  const example = text.replace(/:\/\/\*\.(?=.)/, "://any.");
  return !example.includes("*") && isOrigin(example);
}

/** Makes the function that says whether an origin is one that the pattern means (NET3). */
export function createOriginMatcher(pattern: string): (origin: string) => boolean {
  if (pattern === "*") return () => true;
  const [scheme = "", host = ""] = pattern.split("://*");
  if (!host) return (origin) => origin === pattern;
  // `host` begins with a dot, so that only subdomains end with it.
  return (origin) =>
    origin.startsWith(`${scheme}://`) && origin.endsWith(host) && isOrigin(origin) &&
    origin.length > `${scheme}://${host}`.length;
}

/** Takes any scheme, as apps have their own. Web views send `file://` for a page from a file. */
function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !url.host && url.protocol !== "file:") return false;
  return text === `${url.protocol}//${url.host}`;
}
