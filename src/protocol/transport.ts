/**
 * How a client's frames come and go: over a WebSocket, as an event stream, which only sends (HTTP2), or
 * as the answer to one POST (HTTP1).
 */
export type Transport = "socket" | "stream" | "post";
