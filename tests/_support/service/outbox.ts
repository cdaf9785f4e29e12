import { ListRoom } from "../../../src/outbox/list_room.ts";
import type { Session } from "../../../src/sessions/session.ts";

/** The outbox of a client that takes everything at once. It is for sessions without a connection. */
export function createOutbox(send: () => void = () => {}): Session["outbox"] {
  const lists = createListRoom();
  return { send, unsentBytes: 0, isBehind: false, hasRoom: true, whenRoom() {}, lists };
}

/** Room for all lists of a client that takes everything at once. */
export function createListRoom(): ListRoom {
  return new ListRoom({ unsentBytes: 0, handedUnits: 0, whenCaughtUp() {} }, 1024 ** 3);
}
