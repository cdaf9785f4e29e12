/**
 * What the service sends.
 */

/** A reply or a push. */
export interface Frame {
  readonly rid: number;
  readonly event: string;
  readonly status: string;
  readonly payload: unknown;
  readonly id?: string;
  readonly cursor?: string;
  readonly recovered?: boolean;
  /** Characters of its text. */
  readonly size: number;
}

/** Reads a frame; `null` where it is none, which is passed over. */
export function readFrame(text: string): Frame | null {
  try {
    const value = JSON.parse(text);
    return typeof value?.rid === "number" ? { ...value, size: text.length } : null;
  } catch {
    return null;
  }
}
