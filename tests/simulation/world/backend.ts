/**
 * The APIs of a simulation. A list says up to which number the log had been written when it was asked
 * for, so that the model knows what it includes.
 */
import type { Loop, Process } from "../platform/loop.ts";
import type { Random } from "../platform/random.ts";
import type { Trace } from "../platform/trace.ts";
import { Askings } from "../oracle/askings.ts";

/** Where the service finds the APIs. */
export const ORIGIN = "http://backend.test";

/** Milliseconds from a refusal until its client knows for sure, however slow its line is. */
const REFUSAL_MS = 60_000;

/** How an API behaves for a time. */
export interface Trouble {
  readonly kind: "slow" | "down" | "broken" | "refusing" | "odd" | "silent";
  readonly until: number;
}

/** A list, as the simulated APIs answer it. */
export interface ListBody {
  /** It has everything that was written before this number. */
  readonly upTo: number;
  /** Whose it is; `null` for a schedule. */
  readonly user: string | null;
  readonly types: readonly string[];
  /** Which part of the schedule it is. */
  readonly from: string | null;
  readonly skip: string | null;
}

/** What the APIs need. */
export interface BackendOptions {
  readonly loop: Loop;
  readonly random: Random;
  readonly trace: Trace;
  /** How much was written to the log. */
  readonly written: () => number;
  /** How many notifications of these types a user has. */
  readonly total: (user: string, types: readonly string[]) => number;
  /** A notification of the user was marked: the backend publishes that. */
  readonly publishMark: (user: string) => void;
  /** Whether all clients of a user have the same token. */
  readonly sharesTokens: boolean;
  /** Milliseconds for an answer at most, unless the API is in trouble. */
  readonly answerMs: number;
}

/** The APIs. */
export class SimulatedBackend {
  readonly #options: BackendOptions;
  /** The user of each token; `null` for one that is refused. */
  readonly #users = new Map<string, string | null>();
  /** The user for whom each token was made. */
  readonly #owners = new Map<string, string>();
  /** The latest token of each user. */
  readonly #shared = new Map<string, string>();
  /** When an answer about a token was neither ok nor an outage, in milliseconds since 1970. */
  #refusedAt = -Infinity;
  #tokens = 0;
  #trouble: Trouble | null = null;
  /** By request that is not answered yet: the process that has sent it. */
  readonly #pending = new Map<symbol, Process | null>();
  readonly askings = new Askings();

  constructor(options: BackendOptions) {
    this.#options = options;
  }

  /** A token of a user. */
  tokenFor(user: string): string {
    const shared = this.#shared.get(user);
    return this.#options.sharesTokens && shared ? shared : this.newTokenFor(user);
  }

  /** Makes a token of a user. */
  newTokenFor(user: string): string {
    const token = `token-${++this.#tokens}`;
    this.#users.set(token, user);
    this.#owners.set(token, user);
    this.#shared.set(user, token);
    return token;
  }

  /** From now on, a token is another user's, or with `null`, refused. */
  change(token: string, user: string | null): void {
    this.#users.set(token, user);
  }

  /** Whether a token is the user's. */
  isValid(token: string | null, user: string): boolean {
    return token !== null && this.#users.get(token) === user;
  }

  /** Whether a token has become another user's. */
  isOfAnother(token: string | null): boolean {
    if (token === null) return false;
    const user = this.#users.get(token);
    return user !== null && user !== this.#owners.get(token);
  }

  /** Whether a session may have been logged out because of a recent answer. */
  get mayHaveRefused(): boolean {
    return this.#options.loop.now - this.#refusedAt < REFUSAL_MS;
  }

  /** A client asks for a count of these types. */
  expectCount(types: readonly string[]): void {
    this.askings.expect(types);
  }

  worsen(trouble: Trouble): void {
    this.#trouble = trouble;
  }

  /** How many requests are not answered yet, of processes that live. */
  get pending(): number {
    return [...this.#pending.values()].filter((process) => !process?.isDead).length;
  }

  heal(): void {
    this.#trouble = null;
  }

  fetch(url: string, { method, headers, body, signal }: RequestInit): Promise<Response> {
    const { loop, random, trace, answerMs } = this.#options;
    const process = loop.process;
    const answered = Promise.withResolvers<Response>();
    const trouble = this.#trouble && this.#trouble.until > loop.now ? this.#trouble.kind : null;
    const token = (headers as Record<string, string>).authorization ?? null;
    // The state of the answer is that of any moment until it is sent: the earliest is the hardest.
    const answer = this.#answer(url, { token, trouble, isPut: method === "PUT" && body !== null });
    const asked = new URL(url);
    if (asked.searchParams.get("status") === "unread") {
      const key = `${process?.name} ${url} ${token}`;
      const types = asked.searchParams.getAll("type");
      this.askings.note(key, { at: loop.now, types, isOk: answer?.status === 200 });
    }
    const ms = trouble === "slow"
      ? random.between(50, 1500, "slow answer")
      : answerMs * random.roll("answer") ** 2;
    const id = Symbol();
    this.#pending.set(id, process);
    const end = () => {
      task.isOver = true;
      this.#pending.delete(id);
      signal?.removeEventListener("abort", abort);
    };
    const abort = () => {
      end();
      answered.reject(signal?.reason);
    };
    const task = loop.after(trouble === "silent" ? 1e9 : ms, () => {
      end();
      trace.step(
        "answer",
        `${process?.name} ${method} ${url} ${token}: ${answer?.status} ${answer?.body}`,
      );
      if (answer) answered.resolve(responseOf(answer));
      else answered.reject(new TypeError("connection refused"));
    }, process);
    signal?.addEventListener("abort", abort);
    return answered.promise;
  }

  #answer(
    url: string,
    { token, trouble, isPut }: {
      token: string | null;
      trouble: Trouble["kind"] | null;
      isPut: boolean;
    },
  ): { status: number; body: string } | null {
    const { loop, random, written } = this.#options;
    if (trouble === "down" && random.chance(0.8, "down")) return null;
    if (trouble === "broken" && random.chance(0.8, "broken")) return { status: 503, body: "" };
    const { pathname, searchParams } = new URL(url);
    if (pathname === "/user" && trouble === "odd" && random.chance(0.8, "odd")) {
      this.#refusedAt = loop.now;
      return { status: 404, body: "<html>" };
    }
    const user = token === null ? null : this.#users.get(token) ?? null;
    if (pathname !== "/schedule" && (user === null || trouble === "refusing")) {
      this.#refusedAt = loop.now;
      return { status: 401, body: '{"refused":true}' };
    }
    if (pathname === "/user" && this.isOfAnother(token)) this.#refusedAt = loop.now;
    if (pathname === "/user") return { status: 200, body: JSON.stringify({ id: user }) };
    // A token that has become another user's is good for nothing else.
    if (this.isOfAnother(token)) {
      return { status: 403, body: "" };
    }
    if (isPut) {
      if (user !== null) this.#options.publishMark(user);
      return { status: 204, body: "" };
    }
    if (searchParams.has("status")) {
      const total = user === null ? 0 : this.#options.total(user, searchParams.getAll("type"));
      return { status: 200, body: JSON.stringify({ total }) };
    }
    const list: ListBody = {
      upTo: written(),
      user: pathname === "/schedule" ? null : user,
      types: searchParams.getAll("type"),
      from: searchParams.get("from"),
      skip: searchParams.get("skip"),
    };
    return { status: 200, body: JSON.stringify(list) };
  }
}

const NO_HEADERS = new Headers();

/** As much of a response as the service reads. A real one would take turns of the real event loop. */
function responseOf({ status, body }: { status: number; body: string }): Response {
  const response = {
    status,
    ok: status < 300,
    headers: new Headers({ "content-length": String(body.length) }),
    body: { cancel: () => Promise.resolve() },
    text: () => Promise.resolve(body),
  };
  if (body === "") response.headers = NO_HEADERS;
  return response as unknown as Response;
}
