/**
 * A connection that can be cut. While it is cut, sockets break without a close frame, and no new
 * socket opens.
 */
const NativeWebSocket = globalThis.WebSocket;

let isCut = false;
let socket = null;

globalThis.WebSocket = new Proxy(NativeWebSocket, {
  construct(target, args) {
    if (isCut) return new BrokenSocket();
    return socket = Reflect.construct(target, args);
  },
});

/** A socket as it is without a network. */
class BrokenSocket extends EventTarget {
  readyState = NativeWebSocket.CONNECTING;
  bufferedAmount = 0;
  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;

  constructor() {
    super();
    setTimeout(() => {
      this.readyState = NativeWebSocket.CLOSED;
      const event = broken("The connection is cut");
      this.onclose?.(event);
      this.dispatchEvent(event);
    });
  }

  send() {}
  close() {}
}

/** Breaks the connection as a lost network does: without a close frame. */
export function cutConnection() {
  isCut = true;
  socket?.dispatchEvent(broken("The connection was cut"));
  socket?.close();
}

/** Lets sockets open again, and says so as a browser does. */
export function restoreConnection() {
  if (!isCut) return;
  isCut = false;
  globalThis.dispatchEvent(new Event("online"));
}

function broken(reason) {
  return new CloseEvent("close", { code: 1006, reason });
}
