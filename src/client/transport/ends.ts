/**
 * How lines end: the close codes that mean something to the library (LIFE2), and the ends that it notices.
 */
import type { Disconnection } from "./line.ts";

/** A frame was too large (FRM2). */
export const TOO_LARGE = 1009;
/** After these codes a client should not connect again by itself. */
export const FINAL_CODES = [1003, TOO_LARGE, 4029];
/** After this code only another token may be tried. */
export const TOKEN_REFUSED = 4401;
/** The instance ends (LIFE4). */
export const RESTART = 1012;
/** The code of an end by this side. */
export const NORMAL = 1000;

/** A WebSocket takes the place of a line over HTTP. */
export const BACK: Disconnection = { code: NORMAL, reason: "WebSockets come through" };
/** There was no close frame. */
export const NOT_CLOSED = 1006;
/** No frame came for too long. */
export const DEAD: Disconnection = { code: NOT_CLOSED, reason: "No frame came for too long" };
/** A line did not open in time. */
export const NOT_OPENED: Disconnection = {
  code: NOT_CLOSED,
  reason: "The connection did not open in time",
};
