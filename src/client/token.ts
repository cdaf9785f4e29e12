/**
 * Whose connection it is.
 */

/** Gives the token of whoever is logged in, `null` for a guest. */
export type TokenSource = () => string | null | undefined | Promise<string | null | undefined>;

/** Milliseconds that a token may take. */
const TOKEN_MS = 20_000;

/**
 * Asks for the token; none is `null`.
 *
 * @throws The source's error, or one that says that it took too long or was aborted
 */
export async function askToken(source: TokenSource, signal: AbortSignal): Promise<string | null> {
  let giveUp = (_event: Event): void => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      source(),
      new Promise<never>((_, reject) => {
        giveUp = () => reject(new Error("it is not wanted any more"));
        signal.addEventListener("abort", giveUp);
        timer = setTimeout(() => reject(new Error(`nothing for ${TOKEN_MS} ms`)), TOKEN_MS);
      }),
    ]) || null;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

/** The subprotocols with which to connect: the service's, and the token as one (BAT1, NET4). */
export function protocolsFor(token: string | null): string[] {
  return ["wss.v1.batch", "wss.v1", ...(token === null ? [] : [`bearer.${base64url(token)}`])];
}

function base64url(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  return btoa(bytes.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
