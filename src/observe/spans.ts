/**
 * Spans for OpenTelemetry. Deno exports them if OTEL_DENO=true; otherwise they cost almost nothing.
 * Deno's fetch makes the span of a backend call by itself, below the span of the command.
 */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { recordId, type Reply } from "../protocol/frames.ts";

const tracer = trace.getTracer("wss");

/** Runs a command in a new root span. */
export function runCommandInSpan(
  command: string,
  { session, rid, run }: { session: string; rid: number; run: () => Promise<Reply> },
): Promise<Reply> {
  const options = {
    root: true,
    kind: SpanKind.SERVER,
    attributes: { "wss.session": session, "wss.rid": rid },
  };
  const span = tracer.startSpan(command, options);
  // A span that is not exported must not cost a context, or an additional await.
  if (!span.isRecording()) return run();
  return context.with(trace.setSpan(context.active(), span), () => traced(span, run));
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

/** A Kafka message that was pushed. */
export interface PushedMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The producer's span, as W3C Trace Context. */
  readonly traceparent: string | undefined;
  /** The number of subscriptions that it was for. */
  readonly subscriptions: number;
  /** When this instance read it, in milliseconds since 1970. */
  readonly readAt: number;
}

/**
 * Records the span of a message whose pushes have been sent, as a child of its producer's span. Its
 * attributes follow OpenTelemetry's semantic conventions for messaging.
 */
export function recordPushSpan(
  { topic, partition, offset, traceparent, subscriptions, readAt }: PushedMessage,
): void {
  const parent = traceparent === undefined
    ? ROOT_CONTEXT
    : propagation.extract(ROOT_CONTEXT, { traceparent });
  const options = { kind: SpanKind.CONSUMER, startTime: readAt };
  const span = tracer.startSpan(`push ${topic}`, options, parent);
  // A span that is not exported must not cost its attributes, as there is one for each message.
  if (span.isRecording()) {
    span.setAttributes({
      "messaging.system": "kafka",
      "messaging.destination.name": topic,
      "messaging.destination.partition.id": String(partition),
      "messaging.kafka.offset": offset,
      "messaging.message.id": recordId({ partition, offset }),
      "wss.subscriptions": subscriptions,
    });
  }
  span.end();
}
