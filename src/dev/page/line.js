/**
 * A line that can be cut: as long as it is, sockets break without a word, and no new one opens.
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

/** What one gets where there is no network. */
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
      const event = broken("The line is cut");
      this.onclose?.(event);
      this.dispatchEvent(event);
    });
  }

  send() {}
  close() {}
}

/** Breaks the line, as the client sees it: without a close frame. */
export function cutLine() {
  isCut = true;
  socket?.dispatchEvent(broken("The line was cut"));
  socket?.close();
}

/** Lets sockets open again; the browser would say that it is online. */
export function restoreLine() {
  if (!isCut) return;
  isCut = false;
  globalThis.dispatchEvent(new Event("online"));
}

function broken(reason) {
  return new CloseEvent("close", { code: 1006, reason });
}
