/**
 * A connection that can be cut. While it is cut, sockets break without a close frame, no new socket
 * opens, and requests to wss over HTTP fail. Requests to the demo backend still arrive.
 */
const NativeWebSocket = globalThis.WebSocket;
const nativeFetch = globalThis.fetch;

let isCut = false;
let socket = null;
/** Aborts all requests to wss. */
let requests = new AbortController();

globalThis.fetch = (url, init = {}) => {
  if (new URL(url, location.href).pathname !== "/web") return nativeFetch(url, init);
  if (isCut) return Promise.reject(new TypeError("The connection is cut, also over HTTP"));
  const signal = AbortSignal.any([requests.signal, ...(init.signal ? [init.signal] : [])]);
  return nativeFetch(url, { ...init, signal });
};

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
  requests.abort(new TypeError("The connection was cut"));
  requests = new AbortController();
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
