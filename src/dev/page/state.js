/**
 * The state of the connection, and why the last one ended.
 */
import { byId } from "./dom.js";

/** Shows a state of the client library. */
export function showState(state) {
  const pill = byId("state");
  const text = textOf(state);
  // Screen readers announce each change, so an equal text is not set again.
  if (pill.textContent !== text) pill.textContent = text;
  pill.dataset.state = state.degraded ? "degraded" : state.state;
  byId("last").hidden = !state.last;
  byId("last").textContent = lastOf(state);
}

function textOf({ state, degraded, last }) {
  if (state === "closed") return "Not connected";
  if (state === "unauthorized") return "Token refused";
  if (state === "open") return degraded ? "Connected, but updates may be late" : "Connected";
  return last ? "Reconnecting …" : "Connecting …";
}

function lastOf({ state, last, retryInMs }) {
  if (!last) return "";
  // If a token is refused, the page waits for another one.
  const next = state === "waiting" ? ` Next try in ${(retryInMs / 1000).toFixed(1)} s.` : "";
  return `Last disconnection: ${last.code} ${last.reason}.${next}`;
}
