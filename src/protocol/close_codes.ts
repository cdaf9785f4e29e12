/**
 * The codes with which wss closes connections: code, meaning, and whether the client should connect
 * again by itself (LIFE2).
 */

/** One way to close a connection. */
export interface CloseCode {
  /** The name in metrics and log lines. */
  readonly name: string;
  readonly code: number;
  /** The text of the close frame, at most 123 bytes: the platform throws on a longer one. */
  readonly reason: string;
  readonly meaning: string;
  readonly reconnect: "yes" | "no" | "with another token";
}

/** Every way in which wss closes a connection. */
export const CLOSE = {
  unsupportedData: {
    name: "unsupported_data",
    code: 1003,
    reason: "Binary frames are not supported",
    meaning: "The client has sent a binary frame (FRM1)",
    reconnect: "no",
  },
  messageTooBig: {
    name: "message_too_big",
    code: 1009,
    reason: "Message too big",
    meaning: "The client has sent a frame over MAX_MESSAGE_BYTES (FRM2)",
    reconnect: "no",
  },
  internalError: {
    name: "internal_error",
    code: 1011,
    reason: "Internal error",
    meaning: "There is a defect in wss",
    reconnect: "yes",
  },
  restart: {
    name: "restart",
    code: 1012,
    reason: "Restarting; connect again",
    meaning: "The instance is shutting down (LIFE4)",
    reconnect: "yes",
  },
  idleGuest: {
    name: "idle_guest",
    code: 4001,
    reason: "Idle without a login",
    meaning: "The session had no user, subscription or request for IDLE_GUEST_SECONDS (LIM4)",
    reconnect: "yes",
  },
  tooSlow: {
    name: "too_slow",
    code: 4008,
    reason: "Too slow",
    meaning: "The client has not read fast enough (SLOW2)",
    reconnect: "yes",
  },
  rateLimited: {
    name: "rate_limited",
    code: 4029,
    reason: "Too many requests",
    meaning: "The client has sent more requests than RATE_LIMIT allows, for 10 s (LIM2)",
    reconnect: "no",
  },
  byOperator: {
    name: "by_operator",
    code: 1012,
    reason: "Closed by an operator; connect again",
    meaning: "An operator has closed the connection",
    reconnect: "yes",
  },
  tokenRefused: {
    name: "token_refused",
    code: 4401,
    reason: "Token refused",
    meaning: "The token is refused (NET4), or its user was logged out (AUTH6)",
    reconnect: "with another token",
  },
  backendUnavailable: {
    name: "backend_unavailable",
    code: 4503,
    reason: "The token could not be checked; connect again",
    meaning: "The backend could not be asked about the token that came with the upgrade (NET4)",
    reconnect: "yes",
  },
} as const satisfies Record<string, CloseCode>;
