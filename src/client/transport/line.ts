/**
 * A line to the service: what carries frames, whatever the way. `socket.ts` is the way over a
 * WebSocket, `http.ts` the way over plain HTTP.
 */

/** How a line ended. */
export interface Disconnection {
  /**
   * The code of the close frame. 1006 means that there was none, 1000 that this side closed it. 4401 is
   * also the code if this side closed it because the service said `unauthorized`.
   */
  readonly code: number;
  readonly reason: string;
}

/** What a line tells its user. */
export interface LineEvents {
  readonly onOpen: () => void;
  /** Called with each text frame. */
  readonly onFrame: (text: string) => void;
  /** Called when it has ended, or did not open. */
  readonly onEnd: (last: Disconnection) => void;
}

/** One line, until it ends or is left. */
export interface Line {
  /** Whether too long a silence shows that it is dead, though nothing has said so. */
  readonly isDead: boolean;
  /**
   * @param owner Whom a subscription is for that the request makes. Over HTTP, a later one of the same
   * owner takes its place, and a request without an owner subscribes nothing
   */
  send(text: string, owner?: object): void;
  /** Ends it, with a close code if there is one. Nothing is told after this. */
  leave(code?: number): void;
}

/**
 * Opens a line for the user of a token, or for a guest.
 *
 * @throws The address can't be used
 */
export type OpenLine = (url: string, token: string | null, events: LineEvents) => Line;
