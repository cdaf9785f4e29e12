import { assert, assertEquals } from "@std/assert";
import { startBackend } from "../_support/service/backend.ts";
import { connect } from "../_support/clients/client.ts";
import { createTopic, kafkaTest } from "../_support/kafka/topic.ts";
import { startProcess } from "../_support/service/process.ts";
import { deadline } from "../_support/queue.ts";
import { testEnvironment } from "../_support/service/settings.ts";

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: Record<string, unknown> }[];
}

/** Receives spans by OTLP over HTTP, as JSON. */
function startReceiver() {
  const spans: Span[] = [];
  const waiting = new Set<() => void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    for (const { scopeSpans } of body.resourceSpans ?? []) {
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    for (const look of waiting) look();
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    /** Waits for the first span for which this holds, unless it has come already. */
    span(what: string, holds: (span: Span) => boolean): Promise<Span> {
      const { promise, resolve } = Promise.withResolvers<Span>();
      const look = () => {
        const found = spans.find(holds);
        if (found) resolve(found);
      };
      waiting.add(look);
      look();
      return deadline(`the span of ${what}`, promise);
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function attributesOf({ attributes }: Span): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map((
      { key, value },
    ) => [key, value.stringValue ?? Number(value.intValue ?? value.doubleValue)]),
  );
}

kafkaTest(
  "a backend call's span is below its command's, and a push's span is below its producer's",
  async () => {
    await using topic = await createTopic();
    await using backend = startBackend({ users: { alice: "42" } });
    await using receiver = startReceiver();
    await using wss = await startProcess({
      env: {
        ...testEnvironment(backend.origin),
        ...topic.env,
        OTEL_DENO: "true",
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "50",
      },
    });
    const url = `ws://127.0.0.1:${await wss.port()}/web`;
    await wss.line(/Ready/);
    await using client = await connect(url, { token: "alice" });
    await client.request("getMyNotifications", { where: { types: [] } });
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const document = { userId: "42", type: "a" };
    await topic.produce([{ type: "notification", document: { ...document, userId: "nobody" } }]);
    await topic.produce([{ type: "notification", document }], {
      headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` },
    });
    await client.next();
    await topic.produce([{ type: "notification", document }]);
    await client.next();

    const command = await receiver.span("the command", ({ name }) => name === "getMyNotifications");
    const call = await receiver.span(
      "its backend call",
      ({ parentSpanId }) => parentSpanId === command.spanId,
    );
    assertEquals([command.parentSpanId ?? "", command.kind], ["", 2]);
    assertEquals([call.traceId, call.name], [command.traceId, "GET"]);
    const { "wss.rid": rid, "wss.status": status } = attributesOf(command);
    assertEquals([rid, status], [2, "ok"]);

    const push = await receiver.span("the push", ({ traceId }) => traceId === trace);
    assertEquals([push.parentSpanId, push.kind], ["b7ad6b7169203331", 5]);
    const attributes = attributesOf(push);
    assertEquals(attributes["messaging.message.id"], "0-1");
    assertEquals(attributes["wss.subscriptions"], 1);
    const other = await receiver.span(
      "the other push",
      (span) => attributesOf(span)["messaging.message.id"] === "0-2",
    );
    assert(other.traceId !== trace && !other.parentSpanId);
    const pushed = receiver.spans.filter(({ name }) => name === `push ${topic.name}`);
    assertEquals(pushed.length, 2, "the first message was for nobody");
  },
);
