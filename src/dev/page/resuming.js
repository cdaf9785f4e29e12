/**
 * What happened to the connection: when it was cut, how it went on, and whether anything is missing.
 */
import { byId, timeOf } from "./dom.js";

const note = byId("resuming");

/** How many notifications were shown when the connection broke; `null` when that is settled. */
let before = null;
let how = "";

/** Says that the connection has been cut. */
export function wasCut() {
  note.classList.remove("good");
  note.textContent = `Cut at ${timeOf(new Date())}. New notifications wait in the log.`;
}

/** Notes that the connection broke while this many notifications were shown. */
export function wasLost(size) {
  before ??= size;
}

/** Notes that the subscription goes on: from its cursor, or with a new list. */
export function hasResumed(recovered) {
  if (before === null) return;
  how = `Back at ${timeOf(new Date())}, ${
    recovered ? "resumed from the cursor, with no list from the backend" : "with a new list"
  }.`;
}

/** Whether the comparison with the backend still has to be done. */
export function isUnsettled() {
  return how !== "";
}

/** Compares the number of notifications shown with the backend's. */
export function compare(size, total) {
  const isSame = size === total;
  note.textContent = `${how} Arrived meanwhile: ${size - before}. Shown: ${size}. ` +
    `At the backend: ${total}.${isSame ? " Nothing is lost." : ""}`;
  note.classList.toggle("good", isSame);
  if (isSame) forget();
}

/** Forgets everything, for a new login. */
export function forget() {
  before = null;
  how = "";
}
