/**
 * What became of the line: when it was cut, how it went on, whether anything is missing.
 */
import { byId, timeOf } from "./dom.js";

const note = byId("resuming");

/** How many were shown when the line broke, while that is not settled. */
let before = null;
let how = "";

/** The line has been cut. */
export function wasCut() {
  note.classList.remove("good");
  note.textContent = `Cut at ${timeOf(new Date())}. What arrives now waits in the log.`;
}

/** It broke, with that many shown. */
export function wasLost(size) {
  before ??= size;
}

/** It goes on, from where it was or with a list. */
export function hasResumed(recovered) {
  if (before === null) return;
  how = `Back at ${timeOf(new Date())}, ${
    recovered ? "resumed from the cursor, with no list from the backend" : "with a new list"
  }.`;
}

/** Whether it is still to be seen that nothing is missing. */
export function isUnsettled() {
  return how !== "";
}

/** Compares what is shown with what the backend has. */
export function compare(size, total) {
  const isSame = size === total;
  note.textContent = `${how} Came meanwhile: ${size - before}. Shown: ${size}. ` +
    `At the backend: ${total}.${isSame ? " Nothing is lost." : ""}`;
  note.classList.toggle("good", isSame);
  if (isSame) forget();
}

/** Another connection begins. */
export function forget() {
  before = null;
  how = "";
}
