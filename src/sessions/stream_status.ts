/**
 * The pushes about the stream itself, which belong to no record: from time to time a cursor for each
 * session (DEL8), and news that the stream is degraded or live again (DEL10).
 */
import { getLogger } from "@logtape/logtape";
import type { Freshness } from "../log/freshness.ts";
import { pushFrame, toJson } from "../protocol/frames.ts";
import type { Session } from "./session.ts";
import type { Stream } from "../log/stream.ts";
import type { Deliveries } from "../observe/deliveries.ts";
import { FRAME_COST, TimeSlice } from "../util/time_slice.ts";
import { TimerWheel } from "../util/timer_wheel.ts";

const logger = getLogger(["wss", "stream"]);

const TICK_MS = 100;
/** Milliseconds until the next try, if a session could not get such a push. */
const RETRY_MS = 500;

/** What {@linkcode StreamStatus} needs. */
export interface StreamStatusOptions {
  readonly sessions: Iterable<Session>;
  readonly stream: Stream;
  readonly freshness: Freshness;
  readonly deliveries: Pick<Deliveries, "announced">;
  /** The largest frame of a client (FRM2), which clients are told. */
  readonly maxMessageBytes: number;
  /** Milliseconds between two cursors of a session. */
  readonly periodMs: number;
}

/** Tells sessions whether the stream is live, and up to where they have been served. */
export class StreamStatus {
  readonly #options: StreamStatusOptions;
  /** For how long the stream has been stale, in milliseconds; `null` while it is live. */
  #staleForMs: number | null = null;
  /** Sessions that know that the stream is degraded, and not yet that it is live again. */
  readonly #toldDegraded = new Set<Session>();
  readonly #wheel = new TimerWheel<Session>({
    tickMs: TICK_MS,
    onDue: (session) => this.#remind(session),
  });
  readonly #slice = new TimeSlice();
  readonly #judging = setInterval(() => this.#judge(), TICK_MS);
  #judgedAt = performance.now();

  constructor(options: StreamStatusOptions) {
    this.#options = options;
  }

  /** Whether the stream is degraded. */
  get isDegraded(): boolean {
    return this.#staleForMs !== null;
  }

  /** When it was last judged whether the stream is degraded, by `performance.now()`. */
  get judgedAt(): number {
    return this.#judgedAt;
  }

  /** When it was last looked which sessions are to get a cursor, by `performance.now()`. */
  get remindedAt(): number {
    return this.#wheel.turnedAt;
  }

  /** Begins to send a session its cursors. */
  add(session: Session): void {
    if (!session.knowsVersion1) return;
    this.#wheel.schedule(session, this.#options.periodMs * Math.random());
  }

  /** Forgets a session. */
  remove(session: Session): void {
    this.#wheel.cancel(session);
    this.#toldDegraded.delete(session);
  }

  /** Tells a session that has just subscribed if the stream is degraded. */
  greet(session: Session): void {
    this.#tellDegraded(session);
  }

  /** Stops all timers. */
  stop(): void {
    clearInterval(this.#judging);
    this.#wheel.stop();
  }

  /** Tells a session what it should know by now. */
  #remind(session: Session): void {
    const isTold = this.#sendDegraded(session) && this.#sendCursor(session);
    this.#wheel.schedule(session, isTold ? this.#options.periodMs : RETRY_MS);
  }

  /** Notices when the stream becomes degraded or live, and tells all sessions. */
  #judge(): void {
    const { stream, freshness } = this.#options;
    const was = this.#staleForMs;
    this.#staleForMs = freshness.staleForMs(stream.positions, Date.now());
    this.#judgedAt = performance.now();
    if ((was === null) === (this.#staleForMs === null)) return;
    if (this.#staleForMs === null) {
      logger.info("The stream is live again");
      this.#tellAll((session) => this.#tellLive(session));
    } else {
      logger.warn(
        "The stream is degraded: not all partitions were read to their ends for {staleForMs} ms; " +
          "are the brokers up?",
        { staleForMs: this.#staleForMs },
      );
      this.#tellAll((session) => this.#tellDegraded(session));
    }
  }

  async #tellAll(tell: (session: Session) => void): Promise<void> {
    for (const session of [...this.#options.sessions]) {
      const nextTurn = this.#slice.spend(FRAME_COST);
      if (nextTurn) await nextTurn;
      tell(session);
    }
  }

  #tellLive(session: Session): void {
    session.askForCounts();
    this.#sendCursor(session);
    if (this.#toldDegraded.has(session)) this.#wheel.schedule(session, RETRY_MS);
  }

  #tellDegraded(session: Session): void {
    if (!this.#sendDegraded(session)) this.#wheel.schedule(session, RETRY_MS);
  }

  /**
   * Sends the cursor of the live end, unless the stream is degraded.
   *
   * @returns False if it must be tried again: the session is not live, or its client is behind
   */
  #sendCursor(session: Session): boolean {
    const { stream, deliveries } = this.#options;
    if (this.#staleForMs !== null) return true;
    if (!isListening(session)) {
      this.#toldDegraded.delete(session);
      return true;
    }
    if (!session.isLive || session.outbox.isBehind) return false;
    const payload = toJson({ maxMessageBytes: this.#options.maxMessageBytes });
    session.outbox.send(pushFrame("stream", { status: "live", payload, cursor: stream.cursor }));
    deliveries.announced({ type: "stream", kind: "live" });
    this.#toldDegraded.delete(session);
    return true;
  }

  /**
   * Tells a session that the stream is degraded, if it is and the session does not know yet.
   *
   * @returns False if it must be tried again, because the client is behind
   */
  #sendDegraded(session: Session): boolean {
    if (this.#staleForMs === null) return true;
    if (!isListening(session) || this.#toldDegraded.has(session)) return true;
    if (session.outbox.isBehind) return false;
    const payload = toJson({ sinceMs: this.#staleForMs });
    session.outbox.send(pushFrame("stream", { status: "degraded", payload }));
    this.#options.deliveries.announced({ type: "stream", kind: "degraded" });
    this.#toldDegraded.add(session);
    return true;
  }
}

/** Whether a session gets pushes of the event `stream` (NET5, DEL8). */
function isListening({ knowsVersion1, isAnswered }: Session): boolean {
  return knowsVersion1 && isAnswered;
}
