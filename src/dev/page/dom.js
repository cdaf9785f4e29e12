/**
 * Short ways to the document.
 */

/** The element with that id, which the page has. */
export function byId(id) {
  return document.getElementById(id);
}

/** Makes an element; texts become text. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Says it to those who don't see the page. */
export function say(text) {
  byId("said").textContent = text;
}

/** A time of day. */
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

/** Does that in place of what a form would do. */
export function onSubmit(id, act) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}
