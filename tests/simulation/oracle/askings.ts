/** How often the backend is asked for counts: by an instance at most once a second with one URL and token. */

/** Milliseconds from one asking to the next (COUNT2). */
const REST_MS = 1000;
/** A command asks at once: so soon after another asking, and so soon before the next one. */
const PER_COMMAND = 2;

/** One asking for a count to which somebody may be subscribed. */
interface Asking {
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly types: readonly string[];
  /** Whether it is answered. If not, it may be tried again at once (BCK4). */
  readonly isOk: boolean;
}

/** The askings of all instances. */
export class Askings {
  /** By instance, URL and token: the latest one. */
  readonly #latest = new Map<string, Asking>();
  /** By types: how many askings may still come too soon, because of commands. */
  readonly #allowed = new Map<string, number>();
  /** What was wrong first; `null` if nothing was. */
  problem: string | null = null;

  /** A client asks for a count of these types. */
  expect(types: readonly string[]): void {
    const key = types.join("+");
    this.#allowed.set(key, (this.#allowed.get(key) ?? 0) + PER_COMMAND);
  }

  /** An instance asks. */
  note(key: string, asking: Asking): void {
    const before = this.#latest.get(key);
    this.#latest.set(key, asking);
    if (!before?.isOk || asking.at - before.at >= REST_MS) return;
    const types = asking.types.join("+");
    const left = (this.#allowed.get(types) ?? 0) - 1;
    this.#allowed.set(types, left);
    if (left < 0) this.problem ??= `${key} was asked again after ${asking.at - before.at} ms`;
  }
}
