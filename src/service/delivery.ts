/**
 * The way from the log to the sessions: every part that a record passes before it is in an outbox, and
 * the sessions themselves.
 */
import type { Backend } from "../backend/backend.ts";
import { logoutsKeptSeconds } from "../backend/jwt/jwts.ts";
import type { Tokens } from "../backend/tokens.ts";
import { Freshness } from "../log/freshness.ts";
import { Quarantine } from "../log/quarantine.ts";
import type { LogReader } from "../log/reader.ts";
import { ResumePoints } from "../log/resume.ts";
import { Stream } from "../log/stream.ts";
import { LogTrouble } from "../log/trouble.ts";
import type { Deliveries } from "../observe/deliveries.ts";
import type { DeliveryTrace } from "../observe/delivery_trace.ts";
import type { Metrics } from "../observe/metrics.ts";
import { CatchUpQueue } from "../sessions/catch_up.ts";
import { RecordHandler } from "../sessions/consume.ts";
import { FanOut } from "../sessions/fan_out.ts";
import { Pushes } from "../sessions/pushes.ts";
import { Reloads } from "../sessions/reloads.ts";
import { Revalidation } from "../sessions/revalidation.ts";
import { Sessions } from "../sessions/sessions.ts";
import { StreamStatus } from "../sessions/stream_status.ts";
import type { Settings } from "../settings/settings.ts";

/** The settings of the delivery. */
export type DeliverySettings = Pick<
  Settings,
  | "KAFKA_TOPIC"
  | "RECOVERY_WINDOW_SECONDS"
  | "RECOVERY_MAX_BYTES"
  | "DEGRADED_AFTER_SECONDS"
  | "CURSOR_SECONDS"
  | "MAX_MESSAGE_BYTES"
  | "RELOAD_CONCURRENCY"
  | "QUARANTINE_SIZE"
  | "AUTH_REVALIDATE_SECONDS"
  | "AUTH_JWKS_URL"
  | "AUTH_JWT_MAX_SECONDS"
>;

/** What {@linkcode LogDelivery} needs. */
export interface DeliveryOptions {
  readonly reader: LogReader;
  readonly backend: Backend;
  readonly tokens: Tokens;
  readonly trace: DeliveryTrace;
  readonly deliveries: Deliveries;
  readonly metrics: Metrics;
}

/** Reads the log and delivers its records to the sessions. */
export class LogDelivery {
  readonly sessions: Sessions;
  readonly stream: Stream;
  readonly streamStatus: StreamStatus;
  readonly freshness: Freshness;
  readonly trouble = new LogTrouble();
  readonly quarantine: Quarantine;
  readonly reloads: Reloads;
  readonly resumePoints: ResumePoints;
  readonly revalidation: Revalidation;
  readonly #reader: LogReader;
  readonly #records: RecordHandler;
  readonly #trace: DeliveryTrace;
  readonly #windowMs: number;
  /** How far logouts are read back, as they end tokens that are not asked about (AUTH8). */
  readonly #logoutsMs: number;

  constructor(settings: DeliverySettings, options: DeliveryOptions) {
    const { reader, backend, tokens, trace, deliveries, metrics } = options;
    this.#reader = reader;
    this.#trace = trace;
    this.#windowMs = settings.RECOVERY_WINDOW_SECONDS * 1000;
    this.#logoutsMs = settings.AUTH_JWKS_URL ? logoutsKeptSeconds(settings) * 1000 : 0;
    const topic = settings.KAFKA_TOPIC;
    const stream = this.stream = new Stream({
      topic,
      windowMs: this.#windowMs,
      maxBytes: settings.RECOVERY_MAX_BYTES,
    });
    this.resumePoints = new ResumePoints({ stream, askEnds: () => reader.askEnds() });
    const freshness = this.freshness = new Freshness({
      afterMs: settings.DEGRADED_AFTER_SECONDS * 1000,
      now: Date.now(),
    });
    const quarantine = this.quarantine = new Quarantine({ maxRecords: settings.QUARANTINE_SIZE });

    const fanOut = new FanOut({ stream, deliveries });
    const reloads = this.reloads = new Reloads({
      backend,
      fanOut,
      concurrency: settings.RELOAD_CONCURRENCY,
      metrics,
    });
    const pushes = new Pushes({ deliveries });
    const catchUpQueue = new CatchUpQueue({ stream, pushes });
    const revalidation = this.revalidation = new Revalidation({
      tokens,
      periodMs: settings.AUTH_REVALIDATE_SECONDS * 1000,
    });
    const sessions = this.sessions = new Sessions({
      parts: { stream, pushes, fanOut, reloads, catchUpQueue },
      countParts: { reloads, deliveries },
      fanOut,
      deliveries,
      onToken: (session) => revalidation.onToken(session),
    });
    this.streamStatus = new StreamStatus({
      sessions,
      stream,
      freshness,
      deliveries,
      maxMessageBytes: settings.MAX_MESSAGE_BYTES,
      periodMs: settings.CURSOR_SECONDS * 1000,
    });
    this.#records = new RecordHandler({
      topic,
      stream,
      sessions,
      fanOut,
      tokens,
      quarantine,
      freshness,
      trouble: this.trouble,
      trace,
      metrics,
      onRead: () => catchUpQueue.onRead(),
    });
  }

  /**
   * Starts reading, at the beginning of the recovery window.
   *
   * @returns Resolves when everything that was in the log at the start has been read
   */
  async start(): Promise<void> {
    const now = Date.now();
    await this.#reader.start(this.#records, {
      since: now - this.#windowMs,
      readSince: now - Math.max(this.#windowMs, this.#logoutsMs),
    });
    this.#trace.filled(this.stream.window.nextSeq);
  }

  /** Stops reading, and checks no more tokens. */
  async stop(): Promise<void> {
    this.revalidation.stop();
    this.streamStatus.stop();
    await this.#reader.stop();
    this.#records.stop();
    this.reloads.stop();
  }
}
