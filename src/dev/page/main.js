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
  wss = connect(WEB, { token: () => token, onState, onFrame });
  subscribe();
}

function logOut() {
  const ended = wss;
  wss = null;
  ended.close();
  showCut(false);
  restoreConnection();
}

function onFrame(direction, text) {
  addFrame(direction, text);
  for (const { recovered } of [JSON.parse(text)].flat()) {
    if (recovered !== undefined) resuming.hasResumed(recovered);
    if (recovered) refresh();
  }
}

async function subscribe() {
  types = byId("types").value.split(",").map((type) => type.trim()).filter(Boolean);
  const mine = changes = wss.notifications({ types });
  showSubscription();
  try {
    for await (const change of mine) take(change);
    byId("inbox-note").textContent = wss
      ? "Unsubscribed: new notifications are not shown."
      : "Connect to see the list.";
  } catch (error) {
    byId("inbox-note").textContent = error.message;
  }
  // There may be a newer subscription by now.
  if (changes === mine) changes = null;
  showSubscription();
}

function take(change) {
  if (change.kind !== "update") inbox.showAll(change.items.items, { mark });
  else if (inbox.show(change.data, { mark, isArriving: true })) {
    say(`New: ${inbox.textOf(change.data)}`);
  }
  byId("inbox-note").textContent = inbox.size() === 0 ? "No notifications yet." : "";
  refresh();
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

let refreshing = null;
let isStale = false;
/**
 * Counts again. Changes may come faster than they can be counted, so there is one counting at a time,
 * and one more after the last change.
 */
function refresh() {
  isStale = true;
  refreshing ??= (async () => {
    try {
      while (isStale && wss) {
        isStale = false;
        await Promise.all([showUnread(wss), settle()]);
      }
    } catch (error) {
      // After a broken connection it is counted again when the subscription goes on.
      if (error.slug !== "closed") byId("inbox-note").textContent = error.message;
    } finally {
      refreshing = null;
    }
  })();
}

async function showUnread(asked) {
  const counts = await Promise.all([
    asked.count({ types, status: "unseen" }),
    asked.count({ types, status: "unread" }),
  ]);
  if (asked !== wss) return;
  const total = counts.reduce((sum, { total }) => sum + total, 0);
  byId("unread").textContent = `${total} unread`;
  document.title = total > 0 ? `(${total}) wss` : "wss";
  byId("mark-all").disabled = total === 0;
}

async function settle() {
  if (!resuming.isUnsettled()) return;
  const total = await totalAtBackend(token, types);
  resuming.compare(inbox.size(), total);
}

function onState(state) {
  showState(state);
  if (state.state === "waiting") resuming.wasLost(inbox.size());
  const isClosed = state.state === "closed";
  byId("who").disabled = !isClosed;
  byId("connect").textContent = isClosed ? "Connect" : "Disconnect";
  byId("cut").disabled = isClosed;
  if (!isClosed) return;
  wss = changes = null;
  showSubscription();
  inbox.clear();
  byId("unread").textContent = "";
  byId("mark-all").disabled = true;
  document.title = "wss";
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

function showTokenField() {
  byId("token-field").hidden = !byId("other").checked;
  byId("token").required = byId("other").checked;
}

byId("who").addEventListener("change", showTokenField);
onSubmit("login", () => wss ? logOut() : logIn());
byId("cut").addEventListener("click", () => {
  showCut(!isCut);
  if (!isCut) return restoreConnection();
  resuming.wasCut();
  cutConnection();
});
onSubmit("subscription", () => changes ? changes.return() : subscribe());
byId("mark-all").addEventListener("click", () => mark("read", []));

const users = await demoUsers();
byId("to").append(...users.map(({ id, name }) => element("option", { value: id }, name)));
byId("users").prepend(
  ...users.map(({ name, token }, index) => {
    const radio = element("input", {
      type: "radio",
      name: "user",
      value: token,
      checked: index === 0,
    });
    return element("label", { className: "choice" }, radio, ` ${name}`);
  }),
);
