/**
 * The token of a connection: where it comes from, and how the upgrade carries it.
 */

/** Gives the token of the user who is logged in, or `null` for a guest. */
export type TokenSource = () => string | null | undefined | Promise<string | null | undefined>;

/** Milliseconds that a source has for a token. */
const TOKEN_MS = 20_000;

/**
 * Asks the source for the token. `undefined` and `""` become `null`.
 *
 * @throws The source's own error; or an error that says that the source took too long or that the
 * signal was aborted
 */
export async function askToken(source: TokenSource, signal: AbortSignal): Promise<string | null> {
  let giveUp = (_event: Event): void => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      source(),
      new Promise<never>((_, reject) => {
        giveUp = () => reject(new Error("the client is closed"));
        signal.addEventListener("abort", giveUp);
        timer = setTimeout(() => reject(new Error(`no token within ${TOKEN_MS} ms`)), TOKEN_MS);
      }),
    ]) || null;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

/** The subprotocols to offer: those of the service (BAT1, NET5), and one that holds the token (NET4). */
export function protocolsFor(token: string | null): string[] {
  return ["wss.v1.batch", "wss.v1", ...(token === null ? [] : [`bearer.${base64url(token)}`])];
}

function base64url(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  return btoa(bytes.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
