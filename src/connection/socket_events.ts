/**
 * The events of one socket, and its end.
 */
/** Milliseconds after which a socket that was upgraded must be open. */
const OPEN_TIMEOUT_MS = 5000;

/** What the platform says where a ping was not answered (LIFE1). */
const PING_TIMEOUT = "No response from ping frame.";

/** What a connection takes of what the instance allows, until its socket has gone. */
export interface Slot {
  release(): void;
}

/** Whose socket it is. */
export interface SocketOwner {
  /** The socket is open. */
  opened(): void;
  /** Takes one message. */
  receive(data: unknown): void;
  /** The socket has gone, or never opened; called twice where it has opened too late. */
  gone(why: "client" | "ping_timeout" | "never_opened"): void;
}

/** Listens to a socket for its owner: one object for all events, for there are many sockets. */
export class SocketEvents implements EventListenerObject {
  readonly #socket: WebSocket;
  readonly #owner: SocketOwner;
  readonly #slot: Slot;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param options.slot Is released when the socket has gone */
  constructor(socket: WebSocket, { owner, slot }: { owner: SocketOwner; slot: Slot }) {
    this.#socket = socket;
    this.#owner = owner;
    this.#slot = slot;
    // A client that has hung up before its upgrade was answered makes no event at all.
    this.#timer = setTimeout(() => this.#gone("never_opened"), OPEN_TIMEOUT_MS);
    // The platform takes 0.3 KiB for each event that is listened to; an error is always followed by the
    // close event, which is all that is needed.
    socket.addEventListener("open", this, { once: true });
    socket.addEventListener("message", this);
    socket.addEventListener("close", this);
  }

  /** For the socket. */
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
    // The platform keeps a socket that was cut off until its next ping is due; what is known of the
    // client need not be kept with it.
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
