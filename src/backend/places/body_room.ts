/**
 * Room for the answers of an API that are read at once. An answer without room waits in its connection,
 * where it takes no memory of this process. With HTTP/1.1, that connection has no other answer. Without
 * this, all large lists that come at the same moment would be here several times each, as bytes, as text,
 * as values and as frames, and the event loop would serve nobody else until all of them are passed on.
 */
import { unlessAborted } from "../../util/delay.ts";

/** An answer up to this size does not wait, in bytes. */
export const SMALL_BYTES = 64 * 1024;

/** What the answers of an API take together while they are read, beside small ones. */
export class BodyRoom {
  readonly #maxBytes: number;
  /** Those that are not small, the oldest in front. */
  readonly #places = new Set<BodyPlace>();
  #bytes = 0;
  #waiting = 0;

  /** @param maxBytes The most bytes. The oldest answer may exceed them, so that one always goes on */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds an answer; it takes nothing until its size is known. */
  begin(): BodyPlace {
    return new BodyPlace(this);
  }

  /** Gives an answer so much room, or adds it to those that wait; for {@linkcode BodyPlace}. */
  grow(place: BodyPlace): void {
    this.#places.add(place);
    this.#waiting++;
    if (this.#waiting === 1 || place === this.#oldest) this.#letIn(place);
  }

  /** Takes an answer out; for {@linkcode BodyPlace}. */
  leave(place: BodyPlace): void {
    if (!this.#places.delete(place)) return;
    this.#bytes -= place.taken;
    if (place.isWaiting) this.#waiting--;
    for (const next of this.#places) if (next.isWaiting && !this.#letIn(next)) return;
  }

  get #oldest(): BodyPlace | undefined {
    return this.#places.values().next().value;
  }

  /** Gives an answer that waits its room, if there is so much, or if it is the oldest. */
  #letIn(place: BodyPlace): boolean {
    const bytes = this.#bytes - place.taken + place.wanted;
    if (bytes > this.#maxBytes && place !== this.#oldest) return false;
    this.#bytes = bytes;
    this.#waiting--;
    place.letIn();
    return true;
  }
}

/** The room of one answer. */
export class BodyPlace {
  readonly #room: BodyRoom;
  /** The bytes that it takes; 0 as long as it is small. */
  taken = 0;
  /** The bytes that it is to take. */
  wanted = 0;
  #letIn: (() => void) | null = null;

  constructor(room: BodyRoom) {
    this.#room = room;
  }

  get isWaiting(): boolean {
    return this.#letIn !== null;
  }

  /**
   * Waits until the answer may have so many bytes.
   *
   * @throws The signal's reason
   */
  async grow(bytes: number, signal: AbortSignal): Promise<void> {
    if (bytes <= SMALL_BYTES) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.wanted = bytes;
    this.#letIn = resolve;
    this.#room.grow(this);
    if (this.isWaiting) await unlessAborted(promise, signal);
  }

  /** Ends the waiting; for {@linkcode BodyRoom}. */
  letIn(): void {
    this.#letIn?.();
    this.#letIn = null;
    this.taken = this.wanted;
  }

  /** Ends it, as the answer was read, or is not wanted any more. */
  leave(): void {
    this.#room.leave(this);
  }
}
