/**
 * The replies to one client: sends them, and counts them for operators.
 */
import { getLogger } from "@logtape/logtape";
import type { CommandTables } from "../commands/table.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import { type CommandError, errorReply } from "../protocol/errors.ts";
import { type Reply, replyFrame } from "../protocol/frames.ts";
import type { Session } from "../sessions/session.ts";
import type { Envelope } from "./parse_request.ts";

const logger = getLogger(["wss", "connection"]);

/** What all {@linkcode Replies} share. */
export interface RepliesOptions {
  readonly commands: CommandTables;
  readonly limits: {
    /** How much a client that is behind may be sent in refusals, in UTF-16 units. */
    readonly maxBufferedBytes: number;
  };
  readonly metrics: Pick<Metrics, "requests" | "requestErrors" | "requestSeconds">;
}

/** The part of a connection that replies need. */
export interface ReplyRecipient {
  readonly session: Pick<Session, "id" | "endpoint">;
  readonly outbox: Pick<Outbox, "send" | "isBehind">;
  readonly isClosed: boolean;
  /** Called right before the frame of a reply is sent. */
  replying(reply: Reply): void;
  close(close: CloseCode): void;
}

/** What a reply needs to know of its request. */
export interface Asked {
  readonly envelope: Envelope;
  /** When its frame came, by `performance.now()`. */
  readonly at: number;
}

/** Sends replies to one client. */
export class Replies {
  readonly #recipient: ReplyRecipient;
  readonly #options: RepliesOptions;
  /** UTF-16 units of refusals that the client was sent since it fell behind. */
  #refusedBehind = 0;

  constructor(recipient: ReplyRecipient, options: RepliesOptions) {
    this.#recipient = recipient;
    this.#options = options;
  }

  /** Sends a reply. */
  send({ envelope: { rid, event }, at }: Asked, reply: Reply): void {
    const { session, outbox } = this.#recipient;
    this.#recipient.replying(reply);
    outbox.send(replyFrame(rid, event, reply));
    reply.sent?.();
    // A reply that nobody got is not counted.
    if (this.#recipient.isClosed) return;
    const { commands, metrics } = this.#options;
    // The names of unknown commands are the client's choice, and not for metrics.
    const command = commands[session.endpoint].has(event) ? event : "unknown";
    const ms = performance.now() - at;
    metrics.requests.inc({ command, status: reply.status });
    metrics.requestSeconds.observe({ command }, ms / 1000);
    logger.debug("Answered {command} with {status} after {ms} ms", {
      session: session.id,
      rid,
      command,
      status: reply.status,
      ms: Math.round(ms),
    });
  }

  /** Refuses a request, or closes the connection if the client sends much and reads nothing. */
  refuse(asked: Asked, error: CommandError): void {
    const reply = this.errorReply(error);
    if (this.#recipient.outbox.isBehind) {
      this.#refusedBehind += asked.envelope.event.length + reply.payload.length;
      if (this.#refusedBehind > this.#options.limits.maxBufferedBytes) {
        return this.#recipient.close(CLOSE.tooSlow);
      }
    } else {
      this.#refusedBehind = 0;
    }
    this.send(asked, reply);
  }

  /** Makes the reply that tells of an error, and counts the error. */
  errorReply(error: CommandError): Reply {
    const { requestErrors } = this.#options.metrics;
    for (const { slug } of error.problems) requestErrors.inc({ slug });
    return errorReply(error);
  }
}
