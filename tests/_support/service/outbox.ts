import type { Session } from "../../../src/sessions/session.ts";

/** The outbox of a client that takes everything at once. It is for sessions without a connection. */
export function createOutbox(send: () => void = () => {}): Session["outbox"] {
  return { send, unsentBytes: 0, isBehind: false, hasRoom: true, whenRoom() {} };
}
