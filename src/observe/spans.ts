/**
 * Spans for OpenTelemetry, which Deno exports where OTEL_DENO=true; otherwise they cost next to
 * nothing. A backend call's span is made by fetch itself, under that of its command.
 */
import {
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { recordId, type Reply } from "../protocol/frames.ts";

const tracer = trace.getTracer("wss");

/** Runs a command in a span of its own. */
export function runCommandInSpan(
  command: string,
  { session, rid, run }: { session: string; rid: number; run: () => Promise<Reply> },
): Promise<Reply> {
  const options = {
    root: true,
    kind: SpanKind.SERVER,
    attributes: { "wss.session": session, "wss.rid": rid },
  };
  return tracer.startActiveSpan(command, options, (span) => {
    // Of what nobody exports, no more is to be waited for.
    return span.isRecording() ? traced(span, run) : run();
  });
}

async function traced(span: Span, run: () => Promise<Reply>): Promise<Reply> {
  try {
    const reply = await run();
    span.setAttribute("wss.status", reply.status);
    if (reply.status === "error") span.setStatus({ code: SpanStatusCode.ERROR });
    return reply;
  } finally {
    span.end();
  }
}

/** A Kafka message that was pushed, as semantic conventions for messaging name what it has. */
export interface PushedMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** W3C Trace Context, of the producer. */
  readonly traceparent: string | undefined;
  /** To how many subscriptions. */
  readonly subscriptions: number;
  /** Milliseconds since 1970. */
  readonly readAt: number;
}

/** Makes the span of a message whose pushes are out; a child of its producer's. */
export function recordPushSpan(
  { topic, partition, offset, traceparent, subscriptions, readAt }: PushedMessage,
): void {
  const parent = traceparent === undefined
    ? ROOT_CONTEXT
    : propagation.extract(ROOT_CONTEXT, { traceparent });
  tracer.startSpan(`push ${topic}`, {
    kind: SpanKind.CONSUMER,
    startTime: readAt,
    attributes: {
      "messaging.system": "kafka",
      "messaging.destination.name": topic,
      "messaging.destination.partition.id": String(partition),
      "messaging.kafka.offset": offset,
      "messaging.message.id": recordId({ partition, offset }),
      "wss.subscriptions": subscriptions,
    },
  }, parent).end();
}
