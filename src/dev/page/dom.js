/**
 * Helpers for the document.
 */

/** Gives the element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Makes an element. Strings among its children become text. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Announces a text to screen readers. */
export function say(text) {
  byId("said").textContent = text;
}

/** Writes a time of day. */
export function timeOf(date, options = {}) {
  const digits = "2-digit";
  return date.toLocaleTimeString("en", {
    hourCycle: "h23",
    hour: digits,
    minute: digits,
    second: digits,
    ...options,
  });
}

/** Calls a function when the form is submitted, in place of the browser's own action. */
export function onSubmit(id, act) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}
