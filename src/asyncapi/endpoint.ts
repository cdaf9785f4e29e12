/**
 * The channel of an endpoint, and its operations: commands with their replies, and pushes.
 */
import type { Command } from "../commands/define.ts";
import { ref } from "../util/json_schema.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import { type OperationInfo, toChannel, toOperation } from "./channel.ts";
import { PUSHES } from "./pushes.ts";
import { okReplyName } from "./replies.ts";

const CLOSE_CODES: readonly Pick<CloseCode, "code" | "meaning" | "reconnect">[] = [
  // The platform closes with it, not wss.
  { code: 1001, meaning: "The client has not answered a ping (LIFE1)", reconnect: "yes" },
  ...Object.values(CLOSE),
];

const RECONNECT: Readonly<Record<CloseCode["reconnect"], string>> = {
  yes: "Connect again",
  no: "Do not connect again",
  "with another token": "Connect again only with another token",
};

const DESCRIPTION =
  `A frame is text with one JSON object (FRM1). A session starts as a guest (NET6).

A client that offers the subprotocol \`wss.v1\` has it confirmed. It is also sent \`resync\` and the
pushes of the events \`stream\`, \`server\` and \`authentication\` (NET5). If the client offers
\`wss.v1.batch\`, wss sends messages that are due at the same time in one frame, as a JSON array of
such objects (BAT1), and a frame of the client may be an array of requests (BAT4).

wss refuses an upgrade with 401 if the token in the header is refused, or if a token is required and
there is none (NET4), with 403 if the origin is not allowed, and with 503 and \`Retry-After\` if the
instance is full, not ready or shutting down (NET3).

Close codes, and what a client should do by itself (LIFE2):

${
    CLOSE_CODES.map(({ code, meaning, reconnect }) =>
      `- ${code}: ${meaning}. ${RECONNECT[reconnect]}.`
    ).join("\n")
  }`;

/** Headers with which a client connects. */
const UPGRADE_HEADERS = {
  type: "object",
  properties: {
    "Authorization": { type: "string", description: "The whole value is the token (NET4)" },
    "Sec-WebSocket-Protocol": {
      type: "string",
      description: "`wss.v1` (NET5) or `wss.v1.batch` (BAT1), and from browsers " +
        "`bearer.<base64url of the token>` (NET4)",
      examples: ["wss.v1", "wss.v1.batch, wss.v1, bearer.YWxpY2UtdG9rZW4"],
    },
    "Origin": { type: "string", description: "An allowed origin, or none (NET3)" },
  },
};

/** The channel of an endpoint with these commands, and the operations of the channel. */
export function describeEndpoint(endpoint: Endpoint, commands: readonly Command[]) {
  const channel = endpoint.slice(1);
  const operations: OperationInfo[] = [
    ...commands.map((command) => ({
      action: "receive" as const,
      summary: command.summary,
      message: command.name,
      replies: [
        okReplyName(command),
        ...(command.subscribes ? ["resumed"] : []),
        "refused",
        "error",
      ],
    })),
    ...Object.entries(PUSHES).map(([message, { summary }]) => ({
      action: "send" as const,
      summary,
      message,
    })),
    { action: "send", summary: "Answers a frame that cannot be read (FRM3)", message: "error" },
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
