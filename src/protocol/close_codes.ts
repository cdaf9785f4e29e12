/**
 * How wss ends connections (LIFE2).
 */

/** One way to end a connection. */
export interface CloseCode {
  /** Says why, for operators. */
  readonly name: string;
  readonly code: number;
  /** At most 123 bytes; the platform throws on a longer one. */
  readonly reason: string;
}

/** How wss ends connections, and whether the client should come back by itself (LIFE2). */
export const CLOSE = {
  unsupportedData: {
    name: "unsupported_data",
    code: 1003,
    reason: "Binary frames are not supported",
  },
  messageTooBig: { name: "message_too_big", code: 1009, reason: "Message too big" },
  internalError: { name: "internal_error", code: 1011, reason: "Internal error" },
  restart: { name: "restart", code: 1012, reason: "Restarting; connect again" },
  idleGuest: { name: "idle_guest", code: 4001, reason: "Idle without a login" },
  tooSlow: { name: "too_slow", code: 4008, reason: "Too slow" },
  rateLimited: { name: "rate_limited", code: 4029, reason: "Too many requests" },
  byOperator: { name: "by_operator", code: 1012, reason: "Closed by an operator; connect again" },
  tokenRefused: { name: "token_refused", code: 4401, reason: "Token refused" },
  backendUnavailable: {
    name: "backend_unavailable",
    code: 4503,
    reason: "The token could not be checked; connect again",
  },
} as const satisfies Record<string, CloseCode>;
