/**
 * What is counted, for Prometheus. Parts count as things happen; what can be looked at when it is
 * asked for is in `gauges`. No label has a value that a client can choose.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { ERRORS } from "../protocol/errors.ts";
import { WeightedHistogram } from "./weighted_histogram.ts";

/** Seconds, for what waits for a backend. */
const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds from a record to the socket: a few ms when all is well, minutes after an outage. */
const PUSH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300];
/** Seconds that the event loop is late. */
const LOOP_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Why an upgrade was refused. */
export const REFUSALS = [
  "not_ready",
  "origin",
  "full",
  "no_token",
  "token_refused",
  "token_not_checked",
  "handshake",
] as const;

/** Makes all metrics of an instance, in a registry of their own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name: `wss_${name}`, help, labelNames, registers });

  /** With all values of its label from the start: what begins at 1 has not increased. */
  function counterOf<L extends string>(
    name: string,
    { help, label, values }: { help: string; label: L; values: readonly string[] },
  ): Counter<L> {
    const made = counter(name, help, [label]);
    for (const value of values) made.labels(value).inc(0);
    return made;
  }

  return {
    registry,
    connections: new Gauge({
      name: "wss_connections",
      help: "Open sockets; more than sessions, where peers do not let go of theirs",
      labelNames: ["endpoint"],
      registers,
    }),
    connects: counter("connects_total", "Upgrades that were accepted", ["endpoint"]),
    refusals: counterOf("refusals_total", {
      help: "Upgrades that were refused",
      label: "reason",
      values: REFUSALS,
    }),
    disconnects: counter("disconnects_total", "Sessions that ended, by why", ["reason"]),
    requests: counter("requests_total", "Requests that were answered", ["command", "status"]),
    requestErrors: counterOf("request_errors_total", {
      help: "Errors of wss's own in replies",
      label: "slug",
      values: Object.keys(ERRORS),
    }),
    requestSeconds: new Histogram({
      name: "wss_request_duration_seconds",
      help: "From a frame to its reply, waiting for others of the session included",
      labelNames: ["command"],
      buckets: REQUEST_SECONDS,
      registers,
    }),
    pushes: counter("pushes_total", "Frames that nobody asked for", ["type", "kind"]),
    pushSeconds: new WeightedHistogram({
      name: "wss_push_delay_seconds",
      help: "From a record's timestamp to the socket, of live pushes",
      label: "type",
      buckets: PUSH_SECONDS,
      registry,
    }),
    resyncs: counterOf("resyncs_total", {
      help: "Subscriptions that had to begin anew",
      label: "reason",
      values: ["left_the_window", "reload_failed", "lost_by_the_log"],
    }),
    resumes: counter("resumes_total", "Lists asked for with a cursor", ["outcome"]),
    records: counter("kafka_records_total", "Records that were read, by what they are", ["type"]),
    quarantined: counterOf("quarantined_total", {
      help: "Records that could not be used",
      label: "reason",
      values: ["not_utf8", "not_json", "not_a_message", "defect"],
    }),
    kafkaJoins: counter("kafka_joins_total", "Joins of a consumer group; the first is no trouble"),
    kafkaCrashes: counter("kafka_crashes_total", "Consumers that ended by themselves"),
    backendRequests: counter("backend_requests_total", "Requests to the APIs", ["api", "outcome"]),
    backendRetries: counter("backend_retries_total", "Tries beyond the first", ["api"]),
    backendShared: counter("backend_shared_total", "Asked, and answered by another's request", [
      "api",
    ]),
    backendSeconds: new Histogram({
      name: "wss_backend_request_duration_seconds",
      help: "Of requests to the APIs, from having a place in the pool to the last byte, all tries",
      labelNames: ["api"],
      buckets: REQUEST_SECONDS,
      registers,
    }),
    reloads: counterOf("reloads_total", {
      help: "Lists that were fetched again",
      label: "outcome",
      values: ["ok", "failed"],
    }),
    reloadsShared: counter("reloads_shared_total", "Reloads that were answered by another's"),
    loopSeconds: new Histogram({
      name: "wss_event_loop_delay_seconds",
      help: "How late a timer is",
      buckets: LOOP_SECONDS,
      registers,
    }),
  };
}

/** All metrics of an instance. */
export type Metrics = ReturnType<typeof createMetrics>;
