/**
 * The frames that the service sends.
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
  /** Characters of its text. The messages of one array have equal parts of the array's text. */
  readonly size: number;
}

/** Reads one message or an array of messages (BAT1). Everything else is skipped. */
export function readFrames(text: string): Frame[] {
  try {
    const values = [JSON.parse(text)].flat();
    const size = text.length / values.length;
    return values.flatMap((value) => typeof value?.rid === "number" ? { ...value, size } : []);
  } catch {
    return [];
  }
}
