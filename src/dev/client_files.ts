/**
 * The client library as the page imports it, file by file, less its types.
 */
import { stripTypeScriptTypes } from "node:module";
import backoff from "../client/backoff.ts" with { type: "text" };
import error from "../client/error.ts" with { type: "text" };
import inbox from "../client/inbox.ts" with { type: "text" };
import line from "../client/line.ts" with { type: "text" };
import mod from "../client/mod.ts" with { type: "text" };
import requests from "../client/requests.ts" with { type: "text" };

/** Path → JavaScript. */
export function clientFiles(): [path: string, text: string][] {
  const files = { backoff, error, inbox, line, mod, requests };
  return [
    ["/client.js", 'export * from "/client/mod.ts";'],
    ...Object.entries(files).map(([name, text]): [string, string] => [
      `/client/${name}.ts`,
      stripTypeScriptTypes(text),
    ]),
  ];
}
