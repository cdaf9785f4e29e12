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
  /** Characters of its text; where several came in one piece, each has its equal part. */
  readonly size: number;
}

/** Reads what came in one piece, a message or an array of them; what is none is passed over. */
export function readFrames(text: string): Frame[] {
  try {
    const values = [JSON.parse(text)].flat();
    const size = text.length / values.length;
    return values.flatMap((value) => typeof value?.rid === "number" ? { ...value, size } : []);
  } catch {
    return [];
  }
}
