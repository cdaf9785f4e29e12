/** What the proxy changes in answers. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import type { Found } from "./answers.ts";

/** Puts the proxy's ports in place of the brokers' own, and hides versions of requests. */
export function changeAnswer(
  frame: Uint8Array,
  { found, ports, newest }: {
    found: Pick<Found, "ports" | "versions">;
    /** By port of a broker. */
    ports: ReadonlyMap<number, number>;
    /** By the key of an API. */
    newest: ReadonlyMap<number, number>;
  },
): void {
  const view = new DataView(frame.buffer, frame.byteOffset);
  for (const at of found.ports) view.setInt32(at, ports.get(view.getInt32(at)) ?? 0);
  for (const at of found.versions) {
    const version = newest.get(view.getInt16(at));
    if (version !== undefined) view.setInt16(at + 4, Math.min(view.getInt16(at + 4), version));
  }
}

/** Random bytes in place of an answer, with its size and correlation id. */
export function garble(frame: Uint8Array, random: RandomGenerator): Uint8Array {
  const garbage = frame.slice();
  for (let at = 8; at < garbage.length; at++) garbage[at] = uniformInt(random, 0, 255);
  return garbage;
}
