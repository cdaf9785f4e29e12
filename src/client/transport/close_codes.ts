/**
 * Close codes that mean something to the library (LIFE2).
 */

/** After these codes a client should not connect again by itself. */
export const FINAL_CODES = [1003, 1009, 4029];
/** After this code only another token may be tried. */
export const TOKEN_REFUSED = 4401;
/** The code of an end by this side. */
export const NORMAL = 1000;
