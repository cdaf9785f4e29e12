/** Reads frames as a client does. */
import { Violation } from "../oracle/knowledge.ts";

/** One message of a frame. */
export interface Frame {
  readonly rid: number;
  readonly event: string;
  readonly status: string;
  readonly payload: unknown;
  readonly cursor?: string;
  readonly id?: string;
  readonly recovered?: boolean;
  /** Whether no later message of the frame has the same event. */
  isLastOfEvent: boolean;
}

/** The most messages of a frame (BAT2). */
const MAX_MESSAGES = 64;

/** Reads a frame: one message, or an array of them if the client knows batches. */
export function readFrame(text: string, { knowsBatches }: { knowsBatches: boolean }): Frame[] {
  const value = JSON.parse(text) as Frame | Frame[];
  if (!Array.isArray(value)) {
    value.isLastOfEvent = true;
    return [value];
  }
  if (!knowsBatches) throw new Violation("an array came to a client that does not know it");
  if (value.length < 2 || value.length > MAX_MESSAGES) {
    throw new Violation(`a frame has ${value.length} messages`);
  }
  const later = new Set<string>();
  for (const message of value.toReversed()) {
    message.isLastOfEvent = !later.has(message.event);
    later.add(message.event);
  }
  return value;
}
