/**
 * Whose token it is, as `{user}` says: for commands that log in, and for the checks between them.
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import type { Backend, BackendAnswer, Caller } from "./backend.ts";
import type { JsonText } from "../protocol/frames.ts";
import { CommandError } from "../protocol/errors.ts";
import { idSchema } from "../protocol/validation.ts";

const userSchema = z.object({ id: idSchema.refine((id) => id !== "") });

/** A token that is good. */
export interface Identity {
  readonly status: "ok";
  readonly user: string;
  /** The backend's body. */
  readonly payload: JsonText;
}

/** What became of asking. */
export type Identification = Identity | {
  readonly status: Exclude<BackendAnswer["status"], "ok">;
  readonly payload: JsonText;
};

/** Identifies users by their tokens. */
export interface Tokens {
  /**
   * Asks whose token it is. An ok answer is reused for a while (AUTH7), unless `fresh` is set.
   *
   * @param options.use Called with an ok answer before anything else can happen, as a logout
   * @throws {CommandError} `backend-…` or `overloaded`
   */
  identify(
    token: string,
    options: Pick<Caller, "signal"> & { fresh?: boolean; use?: (identity: Identity) => void },
  ): Promise<Identification>;
  /** Forgets what is known of a user; what is being asked is asked once more (KAF5). */
  forget(user: string): void;
}

/** Makes {@linkcode Tokens}. */
export function createTokens(
  { backend, cacheMs }: { backend: Pick<Backend, "get" | "shareNoMore">; cacheMs: number },
): Tokens {
  /** By the token's SHA-256, the oldest first. */
  const cache = new Map<string, { identity: Identity; until: number }>();
  /** Users that were logged out while something was asked: which logout that was, by number. */
  const loggedOut = new Map<string, number>();
  let logouts = 0;
  /** For what is under way, the oldest first: the logouts until it began. */
  const underWay = new Set<{ began: number }>();

  function cached(key: string): Identity | undefined {
    const now = Date.now();
    for (const [oldest, { until }] of cache) {
      if (until > now) break;
      cache.delete(oldest);
    }
    return cache.get(key)?.identity;
  }

  function keep(key: string, identity: Identity): void {
    cache.delete(key);
    if (cacheMs > 0) cache.set(key, { identity, until: Date.now() + cacheMs });
  }

  /** Of logouts that were before all that is under way nobody needs to know. */
  function forgetLogouts(): void {
    const [oldest] = underWay;
    for (const [user, number] of loggedOut) {
      if (oldest && number > oldest.began) return;
      loggedOut.delete(user);
    }
  }

  async function ask(
    token: string,
    { key, signal, use }: {
      key: string;
      signal: AbortSignal;
      use: ((identity: Identity) => void) | undefined;
    },
  ): Promise<Identification> {
    for (;;) {
      const began = logouts;
      const { status, payload, value } = await backend.get({ api: "user" }, { token, signal });
      cache.delete(key);
      if (status !== "ok") return { status, payload };
      const body = userSchema.safeParse(value);
      if (!body.success) {
        throw new CommandError({
          slug: "backend-invalid",
          message: "Cannot log in: the user API answered no usable id",
        });
      }
      const identity = { status, payload, user: String(body.data.id) };
      if ((loggedOut.get(identity.user) ?? 0) <= began) {
        keep(key, identity);
        use?.(identity);
        return identity;
      }
    }
  }

  return {
    async identify(token, { signal, fresh = false, use }) {
      signal.throwIfAborted();
      const key = createHash("sha256").update(token).digest("base64");
      const known = fresh ? undefined : cached(key);
      if (known) {
        use?.(known);
        return known;
      }
      const own = { began: logouts };
      underWay.add(own);
      try {
        return await ask(token, { key, signal, use });
      } finally {
        underWay.delete(own);
        forgetLogouts();
      }
    },

    forget(user) {
      for (const [key, { identity }] of cache) if (identity.user === user) cache.delete(key);
      if (underWay.size === 0) return;
      loggedOut.delete(user);
      loggedOut.set(user, ++logouts);
      backend.shareNoMore("user");
    },
  };
}
