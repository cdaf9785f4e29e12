/**
 * Passes the events of one socket on to its owner: it is open, a message has come, it is gone.
 */

/** Milliseconds within which a socket must open after its upgrade. */
const OPEN_TIMEOUT_MS = 5000;

/** The platform's reason for closing a socket that has not answered a ping (LIFE1). */
const PING_TIMEOUT = "No response from ping frame.";

/** One of the connections that the instance allows. It is taken until the socket is gone (LIM1). */
export interface Slot {
  release(): void;
}

/** The owner of a socket. */
export interface SocketOwner {
  /** The socket is open. */
  opened(): void;
  /** Takes one message. */
  receive(data: unknown): void;
  /** The socket is gone, or has not opened in time. If it opens after that, this is called again. */
  gone(why: "client" | "ping_timeout" | "never_opened"): void;
}

/** Listens to a socket. One object takes all events, because there are many sockets. */
export class SocketEvents implements EventListenerObject {
  readonly #socket: WebSocket;
  readonly #owner: SocketOwner;
  readonly #slot: Slot;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param options.slot Released when the socket is gone */
  constructor(socket: WebSocket, { owner, slot }: { owner: SocketOwner; slot: Slot }) {
    this.#socket = socket;
    this.#owner = owner;
    this.#slot = slot;
    // If the client hangs up before its upgrade is answered, the socket has no event at all.
    this.#timer = setTimeout(() => this.#gone("never_opened"), OPEN_TIMEOUT_MS);
    // Not "error": the close event always follows it, and each listener costs 0.3 KiB.
    socket.addEventListener("open", this, { once: true });
    socket.addEventListener("message", this);
    socket.addEventListener("close", this);
  }

  /** Called by the socket. */
  handleEvent(event: Event): void {
    switch (event.type) {
      case "open":
        this.#endTimer();
        return this.#owner.opened();
      case "message":
        return this.#owner.receive((event as MessageEvent).data);
      case "close":
        return this.#closed((event as CloseEvent).reason);
    }
  }

  #closed(reason: string): void {
    this.#endTimer();
    // If the line was cut, the platform keeps the socket until its next ping is due. Without listeners
    // it does not keep the owner as well.
    for (const type of ["open", "message", "close"]) this.#socket.removeEventListener(type, this);
    this.#gone(reason === PING_TIMEOUT ? "ping_timeout" : "client");
  }

  #gone(why: Parameters<SocketOwner["gone"]>[0]): void {
    this.#slot.release();
    this.#owner.gone(why);
  }

  #endTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
