import type { Session } from "../../../src/sessions/session.ts";

/** What a client is to be sent that takes everything at once; for sessions without a connection. */
export function createOutbox(send: () => void = () => {}): Session["outbox"] {
  return { send, unsentBytes: 0, isBehind: false, hasRoom: true, whenRoom() {} };
}
