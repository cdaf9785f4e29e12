/**
 * An endpoint's channel, and its operations: commands with their replies, and pushes.
 */
import { createCommandTables } from "../commands/table.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import { type OperationInfo, ref, toChannel, toOperation } from "./channel.ts";
import { COMMANDS } from "./commands.ts";
import type { MessageInfo } from "./message.ts";
import { PUSHES } from "./pushes.ts";
import { SHARED_REPLIES } from "./replies.ts";

/** With every API configured. */
const TABLES = createCommandTables({ has: () => true });

const CLOSE_CODES = [
  { code: 1001, reason: "No answer to a ping (LIFE1)" },
  ...Object.values(CLOSE),
];

const DESCRIPTION =
  `Frames are text, a JSON object each (FRM1). A session begins as a guest's (NET6).

A client that offers the subprotocol \`wss.v1\` has it confirmed, and is also sent \`resync\` and the
pushes of the events \`stream\`, \`server\` and \`authentication\` (NET5). With
\`wss.v1.batch\` in its place, what is due at once comes in one frame, a JSON array of such objects
(BAT1), and a frame may have an array of requests (BAT4).

Instead of upgrading, wss answers 401 for a token in the header that is refused, or for none where
one is needed (NET4), 403 for an origin that is not allowed, and 503 with \`Retry-After\` for an
instance that is full, not ready or about to end (NET3).

Close codes (LIFE2); after 1003, 1009 and 4029 a client should not reconnect by itself, after 4401
with another token only, after the others it should:

${CLOSE_CODES.map(({ code, reason }) => `- ${code}: ${reason}`).join("\n")}`;

/** What a client says as it connects. */
const UPGRADE_HEADERS = {
  type: "object",
  properties: {
    "Authorization": { type: "string", description: "The token; its whole value (NET4)" },
    "Sec-WebSocket-Protocol": {
      type: "string",
      description: "`wss.v1` (NET5) or `wss.v1.batch` (BAT1), and from browsers " +
        "`bearer.<base64url of the token>` (NET4)",
      examples: ["wss.v1", "wss.v1.batch, wss.v1, bearer.YWxpY2UtdG9rZW4"],
    },
    "Origin": { type: "string", description: "One that is allowed, or none (NET3)" },
  },
};

const okOf = (command: string) => `${command}.ok`;

/** Messages that answer a request. */
export const REPLIES: Readonly<Record<string, MessageInfo>> = {
  ...Object.fromEntries(COMMANDS.map(({ command, reply }) => [okOf(command.name), reply])),
  ...SHARED_REPLIES,
};

/** The channel of an endpoint, and what goes through it. */
export function describeEndpoint(endpoint: Endpoint) {
  const channel = endpoint.slice(1);
  const commands = COMMANDS.filter(({ command }) => TABLES[endpoint].has(command.name));
  const operations: OperationInfo[] = [
    ...commands.map(({ command: { name }, summary, resumes }) => ({
      action: "receive" as const,
      summary,
      message: name,
      replies: [okOf(name), ...(resumes ? ["resumed"] : []), "refused", "error"],
    })),
    ...Object.entries(PUSHES).map(([message, { summary }]) => ({
      action: "send" as const,
      summary,
      message,
    })),
    { action: "send", summary: "Answers a frame that can't be read (FRM3)", message: "error" },
  ];
  const messages = operations.flatMap(({ message, replies = [] }) => [message, ...replies]);
  return {
    channel: toChannel({
      address: endpoint,
      title: `Clients at ${endpoint}`,
      description: DESCRIPTION,
      servers: [ref("servers", "clients")],
      bindings: { ws: { method: "GET", headers: UPGRADE_HEADERS, bindingVersion: "0.1.0" } },
    }, [...new Set(messages)]),
    operations: Object.fromEntries(
      operations.map((options) => [`${channel}.${options.message}`, toOperation(channel, options)]),
    ),
  };
}
