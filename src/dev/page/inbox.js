/**
 * The list of notifications on the screen.
 */
import { byId, element, timeOf } from "./dom.js";

const list = byId("items");
/** By id, the notification with its element. */
const shown = new Map();

/** Gives how many notifications are shown. */
export function size() {
  return shown.size;
}

/** Shows these notifications and no others. */
export function showAll(notifications, options) {
  const ids = new Set(notifications.map(({ id }) => id));
  for (const [id, { item }] of shown) {
    if (ids.has(id)) continue;
    item.remove();
    shown.delete(id);
  }
  for (const notification of notifications) show(notification, options);
}

/**
 * Shows a new or changed notification.
 *
 * @returns Whether it is new
 */
export function show(notification, { mark, isArriving = false }) {
  const known = shown.get(notification.id);
  const entry = known ?? makeEntry(mark);
  entry.update(notification);
  if (known) return false;
  shown.set(notification.id, entry);
  if (isArriving) entry.item.classList.add("arriving");
  const isOlder = (item) => Number(item.dataset.id) < Number(notification.id);
  list.insertBefore(entry.item, [...list.children].find(isOlder) ?? null);
  return true;
}

/** Gives the text of a notification. */
export function textOf({ data }) {
  return typeof data?.text === "string" ? data.text : JSON.stringify(data);
}

/** Removes all notifications. */
export function clear() {
  shown.clear();
  list.replaceChildren();
}

/** Makes the element of a notification. Updates keep the element, so that the focus stays on it. */
function makeEntry(mark) {
  const text = element("p", { className: "text" });
  const type = element("span", { className: "type" });
  const time = element("time");
  const status = element("span", { className: "status" });
  const button = element("button", { type: "button", className: "small" });
  const item = element(
    "li",
    {},
    element(
      "div",
      { className: "grow" },
      text,
      element("p", { className: "meta" }, type, time, status),
    ),
    button,
  );
  const entry = {
    item,
    notification: null,
    update(notification) {
      entry.notification = notification;
      const isRead = notification.status === "read";
      const action = isRead ? "Mark as unread" : "Mark as read";
      item.dataset.id = notification.id;
      item.dataset.status = notification.status;
      text.textContent = textOf(notification);
      type.textContent = notification.type;
      time.dateTime = notification.createdAt;
      time.textContent = timeOf(new Date(notification.createdAt));
      status.textContent = notification.status;
      button.textContent = action;
      button.ariaLabel = `${action}: ${text.textContent}`;
    },
  };
  button.addEventListener("click", () => {
    const { id, status } = entry.notification;
    mark(status === "read" ? "unread" : "read", [id]);
  });
  return entry;
}
