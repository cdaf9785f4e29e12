/**
 * The page: a program that uses the client library, and shows what the library does and sends.
 */
import { cutConnection, restoreConnection } from "./connection.js";
import { connect } from "/client.js";
import "./create.js";
import { demoUsers, totalAtBackend } from "./demo.js";
import { byId, element, onSubmit, say } from "./dom.js";
import { addFrame } from "./frames.js";
import * as inbox from "./inbox.js";
import * as resuming from "./resuming.js";
import { showState } from "./state.js";

const WEB = new URL("/web", location.href.replace(/^http/, "ws")).href;

/** The client, `null` if nobody is logged in. */
let wss = null;
/** The subscription, `null` if there is none. */
let changes = null;
let token = "";
let types = [];
let isCut = false;

function logIn() {
  const chosen = document.querySelector("input[name=user]:checked");
  token = chosen?.value || byId("token").value.trim();
  resuming.forget();
  const mine = wss = connect(WEB, {
    token: () => token,
    // The page may have another client by then.
    onState: (state) => mine === wss && onState(state),
    onFrame,
  });
  subscribe();
}

function logOut() {
  wss.close();
  onState(wss.state);
  showCut(false);
  restoreConnection();
}

function onFrame(direction, text) {
  addFrame(direction, text);
  for (const { recovered } of [JSON.parse(text)].flat()) {
    if (recovered !== undefined) resuming.hasResumed(recovered);
    if (recovered) settle();
  }
}

async function subscribe() {
  types = byId("types").value.split(",").map((type) => type.trim()).filter(Boolean);
  const mine = changes = wss.notifications({ types });
  const totals = wss.unread({ types, status: "unread" });
  countUnread(totals);
  showSubscription();
  let end = "Unsubscribed: new notifications are not shown.";
  try {
    for await (const change of mine) take(change);
  } catch (error) {
    end = error.message;
  }
  totals.close();
  // There may be a newer subscription by now, or no client.
  if (changes !== mine) return;
  changes = null;
  byId("inbox-note").textContent = end;
  showUnread(null);
  showSubscription();
}

function take(change) {
  if (change.kind !== "update") inbox.showAll(change.items.items, { mark });
  else if (inbox.show(change.data, { mark, isArriving: true })) {
    say(`New: ${inbox.textOf(change.data)}`);
  }
  byId("inbox-note").textContent = inbox.size() === 0 ? "No notifications yet." : "";
  settle();
}

async function mark(status, ids) {
  if (wss.state.state !== "open") {
    byId("inbox-note").textContent = "This is done when the connection is back.";
  }
  try {
    await wss.markAs(status, ids);
  } catch (error) {
    say(error.message);
    byId("inbox-note").textContent = `Not marked: ${error.message}`;
  }
}

/** Keeps the number of unread notifications right, until the subscription ends. */
async function countUnread(totals) {
  try {
    for await (const total of totals) showUnread(total);
  } catch (error) {
    byId("inbox-note").textContent = error.message;
  }
}

function showUnread(total) {
  byId("unread").textContent = total === null ? "" : `${total} unread`;
  document.title = total > 0 ? `(${total}) wss` : "wss";
  byId("mark-all").disabled = !total;
}

let settling = null;
let isStale = false;
/**
 * Compares the list with the backend's, if the subscription goes on after a broken connection. Changes
 * may come faster than the backend answers, so there is one comparison at a time, and one more after the
 * last change.
 */
function settle() {
  isStale = resuming.isUnsettled();
  if (isStale) settling ??= compare();
}

async function compare() {
  try {
    while (isStale && resuming.isUnsettled()) {
      isStale = false;
      const total = await totalAtBackend(token, types);
      resuming.compare(inbox.size(), total);
    }
  } catch (error) {
    byId("inbox-note").textContent = error.message;
  } finally {
    settling = null;
  }
}

function onState(state) {
  showState(state);
  if (state.state === "waiting") resuming.wasLost(inbox.size());
  // With another token, the page makes another client.
  const isRefused = state.state === "unauthorized";
  const isClosed = isRefused || state.state === "closed";
  byId("connect").textContent = isClosed ? "Connect" : "Disconnect";
  byId("connect").classList.toggle("primary", isClosed);
  byId("cut").disabled = isClosed;
  if (!isClosed) return;
  const refused = isRefused ? wss : null;
  wss = changes = null;
  refused?.close();
  byId("inbox-note").textContent = "Connect to see the list.";
  showUnread(null);
  showSubscription();
  inbox.clear();
}

function showSubscription() {
  byId("subscribe").disabled = !wss;
  byId("subscribe").textContent = changes ? "Unsubscribe" : "Subscribe";
  byId("types").disabled = changes !== null;
}

function showCut(value) {
  isCut = value;
  byId("cut").textContent = isCut ? "Restore the connection" : "Cut the connection";
}

/** Connects as the user who was chosen. Another token has to be typed in first. */
function choose() {
  const isOther = byId("other").checked;
  byId("token-field").hidden = !isOther;
  byId("token").required = isOther;
  if (wss) logOut();
  if (!isOther) logIn();
}

byId("who").addEventListener("change", ({ target }) => target.name === "user" && choose());
onSubmit("login", () => wss ? logOut() : logIn());
byId("cut").addEventListener("click", () => {
  showCut(!isCut);
  if (!isCut) return restoreConnection();
  resuming.wasCut();
  cutConnection();
});
onSubmit("subscription", () => changes ? changes.return() : subscribe());
byId("mark-all").addEventListener("click", () => mark("read"));

const users = await demoUsers();
byId("to").append(...users.map(({ id, name }) => element("option", { value: id }, name)));
byId("users").prepend(
  ...users.map(({ name, token }, index) => {
    const radio = element("input", {
      type: "radio",
      id: name.toLowerCase(),
      name: "user",
      value: token,
      checked: index === 0,
    });
    return element("label", { className: "choice" }, radio, ` ${name}`);
  }),
);
logIn();
