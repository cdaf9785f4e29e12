/**
 * The counters and histograms for Prometheus, which other modules increase as things happen. Gauges,
 * which are set when metrics are read, are in `admin/gauges`. No label has a value that a client can
 * choose.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { ERRORS } from "../protocol/errors.ts";
import { WeightedHistogram } from "./weighted_histogram.ts";

/** Buckets for requests to backends, and for clients' requests, which wait for them; in seconds. */
const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Buckets from a record to the socket, in seconds: normally a few ms, after an outage minutes. */
const PUSH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300];
/** Buckets for the delay of the event loop, in seconds. */
const LOOP_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Why a client was refused. */
export const REFUSALS = [
  "not_ready",
  "origin",
  "full",
  "no_token",
  "token_refused",
  "token_not_checked",
  "handshake",
] as const;

/** Why a request to the admin port was refused. */
export const ADMIN_REFUSALS = ["host", "page", "no_token", "wrong_token", "busy"] as const;
/** One of {@linkcode ADMIN_REFUSALS}. */
export type AdminRefusal = (typeof ADMIN_REFUSALS)[number];

/** How often something was counted since the metrics were read last. */
export interface Series {
  count: number;
}

/**
 * A counter of which some series are increased for each message. prom-client's `inc` makes a text of the
 * labels each time, to find the series by it; two of these took a twentieth of what the delivery core takes
 * for a message.
 */
export class SeriesCounter<L extends string> extends Counter<L> {
  readonly #kept: (Series & { readonly labels: Record<L, string> })[] = [];

  /** A series, to be kept and increased by hand. It is there for Prometheus once it was increased. */
  series(labels: Record<L, string>): Series {
    const series = { labels, count: 0 };
    this.#kept.push(series);
    return series;
  }

  override get(): ReturnType<Counter<L>["get"]> {
    for (const series of this.#kept) {
      if (series.count > 0) this.inc(series.labels, series.count);
      series.count = 0;
    }
    return super.get();
  }
}

/** Makes all counters and histograms of an instance, in a registry of their own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name: `wss_${name}`, help, labelNames, registers });

  /**
   * Makes a counter that has every value of its label from the start, at 0. Prometheus would not
   * see the first increase of a series that begins at 1.
   */
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
      help:
        "Open sockets and event streams, and POSTs under way; more than sessions if peers keep what " +
        "has ended here",
      labelNames: ["endpoint", "transport"],
      registers,
    }),
    connects: counter("connects_total", "Accepted upgrades and event streams", ["endpoint"]),
    refusals: counterOf("refusals_total", {
      help: "Refused upgrades, event streams and POSTs, by reason",
      label: "reason",
      values: REFUSALS,
    }),
    adminRefusals: counterOf("admin_refusals_total", {
      help: "Refused requests to the admin port, by reason",
      label: "reason",
      values: ADMIN_REFUSALS,
    }),
    disconnects: counter("disconnects_total", "Sessions that ended, by reason", ["reason"]),
    requests: counter("requests_total", "Answered requests", ["command", "status"]),
    requestErrors: counterOf("request_errors_total", {
      help: "Errors of wss itself in replies, by slug",
      label: "slug",
      values: Object.keys(ERRORS),
    }),
    requestSeconds: new Histogram({
      name: "wss_request_duration_seconds",
      help:
        "Seconds from a request to its reply, including the wait for other requests of the session",
      labelNames: ["command"],
      buckets: REQUEST_SECONDS,
      registers,
    }),
    pushes: new SeriesCounter({
      name: "wss_pushes_total",
      help: "Pushes: messages to clients that are not replies",
      labelNames: ["type", "kind"],
      registers,
    }),
    pushSeconds: new WeightedHistogram({
      name: "wss_push_delay_seconds",
      help: "Seconds from a record's timestamp to the socket, for live pushes only",
      label: "type",
      buckets: PUSH_SECONDS,
      registry,
    }),
    resyncs: counterOf("resyncs_total", {
      help: "Subscriptions that missed messages, so that their clients need the whole list again",
      label: "reason",
      values: [
        "left_the_window",
        "reload_failed",
        "lost_by_the_log",
        "log_cut_back",
        "log_replaced",
        "records_set_aside",
      ],
    }),
    resumes: counter(
      "resumes_total",
      "Lists asked for with a cursor: recovered, or why not",
      ["outcome"],
    ),
    records: new SeriesCounter({
      name: "wss_kafka_records_total",
      help: "Records read, by type of message",
      labelNames: ["type"],
      registers,
    }),
    quarantined: counterOf("quarantined_total", {
      help: "Records that could not be used, by reason",
      label: "reason",
      values: ["not_utf8", "too_many_values", "not_json", "not_a_message", "not_decoded", "defect"],
    }),
    backendRequests: counter("backend_requests_total", "Requests to the APIs, by outcome", [
      "api",
      "outcome",
    ]),
    backendRetries: counter("backend_retries_total", "Tries beyond the first", ["api"]),
    backendShared: counter("backend_shared_total", "Calls that shared another's request", ["api"]),
    backendSeconds: new Histogram({
      name: "wss_backend_request_duration_seconds",
      help:
        "Seconds of a request to an API, from leaving the queue to the last byte, with all tries",
      labelNames: ["api"],
      buckets: REQUEST_SECONDS,
      registers,
    }),
    jwts: counterOf("jwts_total", {
      help:
        "Tokens that were to be verified here, by what was found; unknown ones go to the user API",
      label: "verdict",
      values: ["ok", "refused", "unknown", "unavailable"],
    }),
    keySetFetches: counterOf("key_set_fetches_total", {
      help: "Fetches of the keys of tokens",
      label: "outcome",
      values: ["ok", "failed"],
    }),
    reloads: counterOf("reloads_total", {
      help: "Lists and counts that were fetched again",
      label: "outcome",
      values: ["ok", "failed"],
    }),
    reloadsShared: counter(
      "reloads_shared_total",
      "Reloads that shared the request of another reload",
    ),
    partUp: new Gauge({
      name: "wss_part_up",
      help: "1 while a vital part works, 0 while it is down",
      labelNames: ["part"],
      registers,
    }),
    loopSeconds: new Histogram({
      name: "wss_event_loop_delay_seconds",
      help: "Seconds by which a timer of the event loop is late",
      buckets: LOOP_SECONDS,
      registers,
    }),
  };
}

/** The counters and histograms of an instance. */
export type Metrics = ReturnType<typeof createMetrics>;
