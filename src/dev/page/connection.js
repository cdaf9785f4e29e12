/**
 * A connection that can be cut. While it is cut, sockets break without a close frame, no new socket
 * opens, and requests to wss over HTTP fail. Requests to the demo backend still arrive.
 */
const NativeWebSocket = globalThis.WebSocket;
const nativeFetch = globalThis.fetch;

let socket = null;
/** Aborted while the connection is cut. */
let line = new AbortController();

globalThis.fetch = (url, init = {}) => {
  if (new URL(url, location.href).pathname !== "/web") return nativeFetch(url, init);
  const signal = AbortSignal.any([line.signal, ...(init.signal ? [init.signal] : [])]);
  return nativeFetch(url, { ...init, signal });
};

globalThis.WebSocket = new Proxy(NativeWebSocket, {
  construct(target, args) {
    if (line.signal.aborted) return new BrokenSocket();
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
  line.abort(new TypeError("The connection is cut, also over HTTP"));
  socket?.dispatchEvent(broken("The connection was cut"));
  socket?.close();
}

/** Lets sockets open again, and says so as a browser does. */
export function restoreConnection() {
  if (!line.signal.aborted) return;
  line = new AbortController();
  globalThis.dispatchEvent(new Event("online"));
}

function broken(reason) {
  return new CloseEvent("close", { code: 1006, reason });
}
