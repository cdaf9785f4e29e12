/**
 * The frames on the wire, the latest first.
 */
import { byId, element, say, timeOf } from "./dom.js";

/** Frames that are kept, at most. */
const MOST = 300;

const list = byId("frame-list");
/** The frames shown, in the order of the list. */
const frames = [];

/** Shows a frame that was sent (`out`) or received (`in`). */
export function addFrame(direction, text) {
  const frame = { sign: direction === "out" ? ">" : "<", text, at: new Date() };
  frames.unshift(frame);
  list.prepend(item(frame));
  if (frames.length > MOST) {
    frames.pop();
    list.lastElementChild.remove();
  }
  showIfEmpty();
}

byId("copy-all").addEventListener("click", () => {
  const lines = frames.toReversed().map(({ sign, text, at }) =>
    `${at.toISOString()} ${sign} ${text}`
  );
  copy(lines.join("\n"), `${frames.length} frames`);
});

byId("clear").addEventListener("click", () => {
  frames.length = 0;
  list.replaceChildren();
  showIfEmpty();
  say("Frames cleared");
});

function showIfEmpty() {
  const isEmpty = frames.length === 0;
  byId("frames-note").hidden = !isEmpty;
  byId("copy-all").disabled = byId("clear").disabled = isEmpty;
}

function item({ sign, text, at }) {
  const frame = JSON.parse(text);
  const isSent = sign === ">";
  const details = element(
    "details",
    {},
    element(
      "summary",
      {},
      element(
        "span",
        { className: isSent ? "direction sent" : "direction" },
        element("span", { className: "visually-hidden" }, isSent ? "sent" : "received"),
      ),
      element("span", { className: "what" }, ...describeAll([frame].flat())),
      element("time", { dateTime: at.toISOString() }, timeOf(at, { fractionalSecondDigits: 3 })),
    ),
  );
  // Made when it is opened, because most frames never are.
  details.addEventListener("toggle", () => {
    const pretty = JSON.stringify(frame, null, 2);
    const button = element("button", { type: "button", className: "small" }, "Copy");
    button.addEventListener("click", () => copy(text, "Frame"));
    details.append(
      element("div", { className: "json" }, button, element("pre", { tabIndex: 0 }, pretty)),
    );
  }, { once: true });
  return element("li", {}, details);
}

/** Describes an array of messages in a few words. Equal messages in a row are counted. */
function describeAll(messages) {
  const parts = [];
  for (const message of messages) {
    const what = element("span", {}, ...describe(message));
    const last = parts.at(-1);
    if (last?.what.isEqualNode(what)) last.count++;
    else parts.push({ what, count: 1 });
  }
  return parts.flatMap(({ what, count }, i) => [
    ...(i > 0 ? [", "] : []),
    what,
    ...(count > 1 ? [` × ${count}`] : []),
  ]);
}

/**
 * Describes a message in a few words. The status of a reply is shown only if it is not `ok`. What the
 * client library sends to find out if the line is alive has neither a command nor an event.
 */
function describe({ rid, command, event, status }) {
  const name = command ?? event?.replace(/^([0-9a-f]{8})[0-9a-f]{24}$/, "$1…") ?? "probe";
  return [
    ...(rid > 0 ? [element("span", { className: "rid" }, `#${rid} `)] : []),
    name,
    ...(status && status !== "ok"
      ? [" ", element("span", { className: `status ${status}` }, status)]
      : []),
  ];
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch (error) {
    say(`${what} not copied: ${error.message}`);
  }
}
