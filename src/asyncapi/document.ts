/**
 * The messages that wss receives and sends, at its endpoints and from the Kafka topic, as an AsyncAPI
 * document. It is made from the command table, and from the schemas that parse requests and records.
 */
import { ref } from "../util/json_schema.ts";
import { settingInfo } from "../settings/settings.ts";
import type { CommandTables } from "../commands/table.ts";
import { toChannel, toOperation } from "./channel.ts";
import { describeEndpoint } from "./endpoint.ts";
import { type MessageInfo, toMessage } from "./message.ts";
import { PUSHES } from "./pushes.ts";
import { repliesOf } from "./replies.ts";
import { requestOf } from "./requests.ts";
import { TOPIC_MESSAGES } from "./topic.ts";

const SERVERS = {
  clients: {
    host: "{host}",
    protocol: "ws",
    description: "`wss` behind a proxy that ends TLS. A guest needs no token in either form.",
    variables: { host: { default: `localhost:${settingInfo("PORT").fallback}` } },
    security: [
      ref("components", "securitySchemes", "header"),
      ref("components", "securitySchemes", "subprotocol"),
    ],
  },
  kafka: {
    host: "{broker}",
    protocol: "kafka",
    variables: { broker: { default: "localhost:9092", description: "One of KAFKA_BROKERS" } },
  },
};

const SECURITY_SCHEMES = {
  header: {
    type: "httpApiKey",
    name: "Authorization",
    in: "header",
    description: "The header's whole value is the token (NET4)",
  },
  subprotocol: {
    type: "httpApiKey",
    name: "Sec-WebSocket-Protocol",
    in: "header",
    description: "From browsers: `bearer.<base64url of the token>`, beside `wss.v1` (NET4)",
  },
};

/** A reply has the rid of its request (REQ2). */
const CORRELATION = { correlationId: ref("components", "correlationIds", "rid") };

function toMessages(infos: Readonly<Record<string, MessageInfo>>, more: object = {}) {
  return Object.fromEntries(
    Object.entries(infos).map(([name, info]) => [name, { ...toMessage(name, info), ...more }]),
  );
}

function describeTopic() {
  return {
    channel: toChannel({
      address: "{topic}",
      title: "What backends publish",
      description:
        "Every instance reads every partition (KAF1), and skips records that it cannot read " +
        "(KAF6).",
      parameters: {
        topic: { description: "KAFKA_TOPIC", default: settingInfo("KAFKA_TOPIC").fallback },
      },
      servers: [ref("servers", "kafka")],
    }, Object.keys(TOPIC_MESSAGES)),
    operations: Object.fromEntries(
      Object.entries(TOPIC_MESSAGES).map(([message, { summary }]) => [
        `topic.${message}`,
        toOperation("topic", { action: "receive", summary, message }),
      ]),
    ),
  };
}

/** Makes the document for a service with these commands. */
export function createAsyncApi({ version, tables }: { version: string; tables: CommandTables }) {
  const web = describeEndpoint("/web", [...tables["/web"].values()]);
  const mobile = describeEndpoint("/mobile", [...tables["/mobile"].values()]);
  const topic = describeTopic();
  const commands = [...new Map([...tables["/web"], ...tables["/mobile"]]).values()];
  const requests = Object.fromEntries(
    commands.map((command) => [command.name, requestOf(command)]),
  );
  return {
    asyncapi: "3.1.0",
    info: {
      title: "wss",
      version,
      description:
        "Tells connected clients at once when a notification arrives. IDs such as NET1 name " +
        "rules of the protocol reference.",
    },
    defaultContentType: "application/json",
    servers: SERVERS,
    channels: { web: web.channel, mobile: mobile.channel, topic: topic.channel },
    operations: { ...web.operations, ...mobile.operations, ...topic.operations },
    components: {
      messages: {
        ...toMessages({ ...requests, ...repliesOf(commands) }, CORRELATION),
        ...toMessages({ ...PUSHES, ...TOPIC_MESSAGES }),
      },
      securitySchemes: SECURITY_SCHEMES,
      correlationIds: { rid: { location: "$message.payload#/rid" } },
    },
  };
}
