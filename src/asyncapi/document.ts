/**
 * What wss takes and sends, over its endpoints and the Kafka topic, as an AsyncAPI document. It is
 * made of the schemas with which requests and Kafka messages are parsed.
 */
import { settingInfo } from "../settings/settings.ts";
import { ref, toChannel, toOperation } from "./channel.ts";
import { COMMANDS, requestOf } from "./commands.ts";
import { describeEndpoint, REPLIES } from "./endpoint.ts";
import { type MessageInfo, toMessage } from "./message.ts";
import { PUSHES } from "./pushes.ts";
import { TOPIC_MESSAGES } from "./topic.ts";

const SERVERS = {
  clients: {
    host: "{host}",
    protocol: "ws",
    description: "`wss` where a proxy ends TLS. A guest needs neither form of token.",
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

/** Replies have the rid of their request (REQ2). */
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
        "Every instance reads every partition (KAF1). What can't be read is passed over " +
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

/** Makes the document. */
export function createAsyncApi({ version }: { version: string }) {
  const [web, mobile, topic] = [
    describeEndpoint("/web"),
    describeEndpoint("/mobile"),
    describeTopic(),
  ];
  const requests = Object.fromEntries(
    COMMANDS.map((info) => [info.command.name, requestOf(info)]),
  );
  return {
    asyncapi: "3.1.0",
    info: {
      title: "wss",
      version,
      description:
        "Tells connected clients at once when a notification arrives. IDs such as NET1 " +
        "are those of the protocol reference in README.",
    },
    defaultContentType: "application/json",
    servers: SERVERS,
    channels: { web: web.channel, mobile: mobile.channel, topic: topic.channel },
    operations: { ...web.operations, ...mobile.operations, ...topic.operations },
    components: {
      messages: {
        ...toMessages({ ...requests, ...REPLIES }, CORRELATION),
        ...toMessages({ ...PUSHES, ...TOPIC_MESSAGES }),
      },
      securitySchemes: SECURITY_SCHEMES,
      correlationIds: { rid: { location: "$message.payload#/rid" } },
    },
  };
}
