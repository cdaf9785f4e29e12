/**
 * What `wss connect` prints: JSON for programs, and for people lines with the time and the kind.
 */
import type { Change } from "../client/mod.ts";

/** Something to be printed. */
export type Shown =
  | Change
  /** A push of a subscription that a command made, which the client library does not know. */
  | {
    readonly kind: "push";
    readonly event: string;
    readonly status: string;
    readonly payload: unknown;
    readonly id?: string | undefined;
  }
  | { readonly kind: "reply"; readonly command: string; readonly payload: unknown }
  | {
    readonly kind: "error";
    readonly command: string;
    readonly slug: string;
    readonly message: string;
    readonly temporary: boolean;
    readonly retryAfterMs?: number | undefined;
  };

/** SGR codes of terminal colours. */
const COLORS: Record<Shown["kind"], number> = {
  list: 36,
  update: 32,
  reload: 33,
  push: 35,
  reply: 34,
  error: 31,
};

/** A text in a terminal's colour, by its SGR code; `false` for a text without colour. */
export function paint(text: string, color: number | false): string {
  return color === false ? text : `\x1b[${color}m${text}\x1b[0m`;
}

/** A line for programs. Escapes more than JSON requires, so that a line cannot control the terminal. */
export function jsonLine(shown: Shown): string {
  return printable(JSON.stringify(shown));
}

/** Lines for people. A list has one line for each item. */
export function textLines(shown: Shown, { isColored }: { isColored: boolean }): string[] {
  const time = paint(new Date().toTimeString().slice(0, 8), isColored && 2);
  const kind = paint(shown.kind.padEnd(6), isColored && COLORS[shown.kind]);
  return describe(shown).map((text) => `${time} ${kind} ${printable(text)}`);
}

function describe(shown: Shown): string[] {
  switch (shown.kind) {
    case "list":
    case "reload":
      return describeItems(shown.items);
    case "update":
      return [JSON.stringify(shown.data)];
    case "push":
      return [`${shown.event} ${shown.status} ${JSON.stringify(shown.payload)}`];
    case "reply":
      return [`${shown.command} ${JSON.stringify(shown.payload)}`];
    case "error":
      return [`${shown.command} ${shown.slug}: ${shown.message}`];
  }
}

/** Backends send a list as an array, or as an object with an array `items`. Others are shown whole. */
function describeItems(list: unknown): string[] {
  const items = Array.isArray(list) ? list : (list as { items?: unknown } | null)?.items;
  if (!Array.isArray(items)) return [JSON.stringify(list)];
  return items.length === 0 ? ["(empty)"] : items.map((item) => JSON.stringify(item));
}

/**
 * Escapes line breaks, control characters and those that change the direction of text, so that foreign
 * text cannot control the terminal.
 */
export function printable(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
