/** Who signs JWTs, and serves the keys for them over HTTP. */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

export interface TokenOptions {
  /** The key to sign with; by default the latest one. */
  kid?: string;
  /** Milliseconds since 1970. Default: now. */
  at?: number;
  /** Seconds from `iat` to `exp`. */
  forSeconds?: number;
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
}

export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/** Starts one with a key. */
export async function startIssuer({ alg = "ES256" }: { alg?: string } = {}) {
  const pairs = new Map<string, Pair>();
  let keys: JWK[] = [];
  const state = {
    fetches: 0,
    respond: (): Response | Promise<Response> => Response.json({ keys }),
  };
  const abort = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: abort.signal, onListen() {} },
    () => {
      state.fetches++;
      return state.respond();
    },
  );

  const issuer = {
    url: new URL(`http://127.0.0.1:${server.addr.port}/jwks?secret=of-the-url`),
    /** How many times the keys were fetched. */
    get fetches() {
      return state.fetches;
    },
    /** What it answers from now on; without an argument, the keys. */
    answer(respond: typeof state.respond = () => Response.json({ keys })) {
      state.respond = respond;
    },
    pair(kid: string): Pair {
      const pair = pairs.get(kid);
      if (!pair) throw new Error(`There is no key ${kid}`);
      return pair;
    },
    /** Adds a key, with which tokens are signed from now on. Gives its id. */
    async addKey(
      { isPublished = true, kid = crypto.randomUUID() }: { isPublished?: boolean; kid?: string } =
        {},
    ): Promise<string> {
      const pair = await generateKeyPair(alg, { extractable: true });
      pairs.delete(kid);
      pairs.set(kid, pair);
      if (isPublished) await issuer.publish(kid);
      return kid;
    },
    async publish(kid: string): Promise<void> {
      keys = [...keys, { ...await exportJWK(issuer.pair(kid).publicKey), kid, alg, use: "sig" }];
    },
    withdraw(kid: string): void {
      keys = keys.filter((key) => key.kid !== kid);
    },
    /** Signs a token for a user. */
    async token(
      user: string | number | undefined,
      { kid = [...pairs.keys()].at(-1), at = Date.now(), forSeconds = 3600, claims, header }:
        TokenOptions = {},
    ): Promise<string> {
      const iat = Math.floor(at / 1000);
      return await new SignJWT({ sub: user, iat, exp: iat + forSeconds, ...claims } as never)
        .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }), ...header })
        .sign(issuer.pair(kid ?? "").privateKey);
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await server.finished;
    },
  };
  await issuer.addKey();
  return issuer;
}
