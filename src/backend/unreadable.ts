/**
 * What is wrong with an answer that the platform cannot read: it says so in the texts of its errors, or
 * not at all.
 */

/** A text of the platform, and what it means. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/message head is too large/, "its answer has more than 100 headers, or very long ones"],
  [
    /Invalid gzip header|CRC computed does not match|corrupt deflate stream|brotli error/,
    "its answer cannot be decompressed",
  ],
];

/** Says what is wrong with an answer, for clients; nothing if there is no whole answer. */
export function whyUnreadable(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const text = `${error} ${cause}`;
  return MEANINGS.find(([pattern]) => pattern.test(text))?.[1];
}

/**
 * Says why a body is not JSON. Of a gzip of several members (RFC 1952, 2.2), the platform gives only the
 * first one, without an error. The first part of a JSON text is never JSON, unless the rest is blank.
 */
export function whyNotJson(headers: Headers): string {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  switch (encoding) {
    case "identity":
    case "br":
      return "its answer is not JSON";
    case "gzip":
      return "its answer is not JSON; only the first member of its gzip was read";
    default:
      return "its answer is not JSON; its Content-Encoding is none of gzip, br and identity";
  }
}

/** A URL in a text of the platform. It has no spaces, but it may have brackets. */
const URLS = / for url \(\S*\)|(?: for)? \S?\w+:\/\/\S*/g;

/** Why a fetch failed, without its URL, which may hold a secret. */
export function whyNotFetched(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
  return (cause || message).replace(URLS, "");
}
