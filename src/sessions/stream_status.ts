/**
 * What sessions are told of the stream without anything being published: their cursor from time to
 * time (DEL8), and whether the stream is degraded (DEL10).
 */
import { getLogger } from "@logtape/logtape";
import { setImmediate } from "node:timers/promises";
import type { Freshness } from "../log/freshness.ts";
import { NULL, pushFrame, toJson } from "../protocol/frames.ts";
import type { Session } from "./session.ts";
import type { Stream } from "../log/stream.ts";
import type { Trace } from "../observe/delivery_trace.ts";
import { TimerWheel } from "../util/timer_wheel.ts";

const logger = getLogger(["wss", "stream"]);

const TICK_MS = 100;
/** Milliseconds after which a session is told that something of it was held back or catching up. */
const RETRY_MS = 500;
/** Sessions that are told at once when the stream becomes degraded, or live. */
const STEP_SESSIONS = 500;

/** Tells sessions of the stream. */
export interface StreamStatus {
  /** Whether the stream is degraded. */
  readonly isDegraded: boolean;
  add(session: Session): void;
  remove(session: Session): void;
  /** Tells a session that has just subscribed, where there is something to tell. */
  greet(session: Session): void;
  stop(): void;
}

/** Makes a {@linkcode StreamStatus}. */
export function createStreamStatus({ sessions, stream, freshness, trace, periodMs }: {
  sessions: Iterable<Session>;
  stream: Stream;
  freshness: Freshness;
  trace: Pick<Trace, "announced">;
  periodMs: number;
}): StreamStatus {
  let staleForMs: number | null = null;
  /** Sessions that were told that the stream is degraded, and not yet that it is live. */
  const owed = new Set<Session>();
  const wheel = new TimerWheel<Session>({
    tickMs: TICK_MS,
    onDue(session) {
      const isTold = sendDegraded(session) && sendCursor(session);
      wheel.schedule(session, isTold ? periodMs : RETRY_MS);
    },
  });
  const judging = setInterval(judge, TICK_MS);

  function isToBeTold(session: Session): boolean {
    return session.knowsVersion1 && session.isAnswered;
  }

  /** Gives whether that is done; else something of it is held back, or still to be handed to it. */
  function sendCursor(session: Session): boolean {
    if (staleForMs !== null) return true;
    if (!isToBeTold(session)) {
      owed.delete(session);
      return true;
    }
    if (!session.isLive || session.outbox.isBehind) return false;
    session.outbox.send(
      pushFrame("stream", { status: "live", payload: NULL, cursor: stream.cursor }),
    );
    trace.announced("stream", "live");
    owed.delete(session);
    return true;
  }

  /** Gives whether that is done, or needless; else its client is behind. */
  function sendDegraded(session: Session): boolean {
    if (staleForMs === null || !isToBeTold(session) || owed.has(session)) return true;
    if (session.outbox.isBehind) return false;
    const payload = toJson({ sinceMs: staleForMs });
    session.outbox.send(pushFrame("stream", { status: "degraded", payload }));
    trace.announced("stream", "degraded");
    owed.add(session);
    return true;
  }

  /** Where its client is behind, it is told soon after it has caught up. */
  function tellDegraded(session: Session): void {
    if (!sendDegraded(session)) wheel.schedule(session, RETRY_MS);
  }

  function judge(): void {
    const was = staleForMs;
    staleForMs = freshness.staleForMs(stream.positions, Date.now());
    if ((was === null) === (staleForMs === null)) return;
    if (staleForMs === null) {
      logger.info("The stream is live again");
      tellAll((session) => {
        sendCursor(session);
        if (owed.has(session)) wheel.schedule(session, RETRY_MS);
      });
    } else {
      logger.warn(
        "The stream is degraded, not all partitions were read to their end for {staleForMs} ms: " +
          "are the brokers up?",
        { staleForMs },
      );
      tellAll(tellDegraded);
    }
  }

  async function tellAll(tell: (session: Session) => void): Promise<void> {
    let told = 0;
    for (const session of [...sessions]) {
      tell(session);
      if (++told % STEP_SESSIONS === 0) await setImmediate();
    }
  }

  return {
    get isDegraded() {
      return staleForMs !== null;
    },
    add(session) {
      if (session.knowsVersion1) wheel.schedule(session, periodMs * Math.random());
    },
    remove(session) {
      wheel.cancel(session);
      owed.delete(session);
    },
    greet: tellDegraded,
    stop() {
      clearInterval(judging);
      wheel.stop();
    },
  };
}
