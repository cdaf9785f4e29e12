/**
 * The requests of one client: frame → request → queue → command → reply. Frames are parsed by
 * `parse_request`, limited by `rate_limit`, put in order by `request_queue`, and answered by `replies`.
 */
import type { Backend } from "../backend/backend.ts";
import { ListBackend } from "../backend/list_backend.ts";
import type { CommandContext, PreparedCommand } from "../commands/define.ts";
import type { CommandTable } from "../commands/table.ts";
import type { Metrics } from "../observe/metrics.ts";
import { runCommandInSpan } from "../observe/spans.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import { CommandError, errorReply } from "../protocol/errors.ts";
import type { Reply } from "../protocol/frames.ts";
import type { Session } from "../sessions/session.ts";
import { SlicedQueue } from "../util/time_slice.ts";
import { logDefect } from "./defect.ts";
import { findRid } from "./find_rid.ts";
import { type ClientRequest, type ParsedRequest, parseRequests } from "./parse_request.ts";
import { RateLimit, type Rates } from "./rate_limit.ts";
import {
  duplicateRid,
  internalError,
  rateLimited,
  shuttingDown,
  tooManyWaiting,
  tooMuchToParse,
  unsupportedCommand,
} from "./refusals.ts";
import { type Asked, Replies, type RepliesOptions, type ReplyRecipient } from "./replies.ts";
import { RequestQueue } from "./request_queue.ts";

/** The reason with which commands are aborted when their connection has ended. */
const CLOSED = "the connection has closed";

/** A frame up to this size is parsed at once, in bytes of UTF-8; of larger ones, some in each turn. */
const SMALL_FRAME_BYTES = 16 * 1024;
/** What a byte of a larger one costs of a time slice: a turn has 128 KiB, or one frame. */
const COST_OF_BYTE = 1 / 64;
/** The most bytes of larger ones that wait, of all clients. */
const MAX_LARGE_BYTES = 32 * 1024 * 1024;

/** Makes the queue of the larger frames of all clients. */
export function createLargeFrames(): SlicedQueue {
  return new SlicedQueue({ maxCost: MAX_LARGE_BYTES * COST_OF_BYTE });
}

/** How many requests a client may send. */
export interface RequestLimits {
  /** What a client may send in a second (LIM2, LIM6). */
  readonly rates: Rates;
  readonly maxSubscriptions: number;
  readonly maxSessionBytes: number;
  readonly maxInflight: number;
  readonly maxWaiting: number;
}

/** The part of a connection that sends requests, and gets their replies. */
export interface RequestSource extends ReplyRecipient {
  readonly session: Session;
  readonly outbox: Pick<Outbox, "send" | "isBehind" | "whenCaughtUp" | "lists">;
  /** Does something with a frame. Never throws; after a defect, the connection is closed. */
  guard(work: () => void): void;
}

/** What all request handlers share. */
export interface RequestHandlerOptions
  extends RepliesOptions, Pick<CommandContext, "tokens" | "resumePoints" | "streamStatus"> {
  readonly backend: Backend;
  /** Large frames of all clients. */
  readonly largeFrames: Pick<SlicedQueue, "add" | "drop">;
  readonly limits: RepliesOptions["limits"] & RequestLimits;
  /** A limit that requests share with others; by default they have one of their own (HTTP5). */
  readonly rateLimit?: RateLimit;
  readonly metrics: RepliesOptions["metrics"] & Pick<Metrics, "resumes">;
}

/** The parts that exist only while requests are being answered: most clients are idle most of the time. */
interface Work {
  readonly queue: RequestQueue;
  readonly abort: AbortController;
  readonly context: Omit<CommandContext, "backend">;
}

/** How a frame came. */
interface Arrival {
  /** Whether its request was counted already. */
  readonly isCounted: boolean;
  /** Whether the connection was draining. */
  readonly isLate: boolean;
  /** Milliseconds, as `performance.now()` has them. */
  readonly now: number;
}

/** Answers one client's requests until its connection ends. */
export class RequestHandler {
  readonly #source: RequestSource;
  readonly #options: RequestHandlerOptions;
  readonly #rateLimit: RateLimit;
  readonly #replies: Replies;
  #state: "open" | "draining" | "given up" | "ended" = "open";
  #work: Work | null = null;
  /** Resolved when all requests are answered, if somebody waits for that. */
  #idle: PromiseWithResolvers<void> | null = null;
  /** Whether requests wait because the client is behind. */
  #isWaiting = false;
  /** Frames that are still to be parsed. */
  #unparsed = 0;

  constructor(source: RequestSource, options: RequestHandlerOptions) {
    this.#source = source;
    this.#options = options;
    this.#rateLimit = options.rateLimit ?? new RateLimit(options.limits.rates, performance.now());
    this.#replies = new Replies(source, options);
  }

  /** Whether all requests are answered, or it has ended. */
  get isIdle(): boolean {
    return this.#state === "ended" || (this.#work === null && this.#unparsed === 0);
  }

  /**
   * Takes one text frame. A frame that is over a limit is not parsed; a large one may be parsed later.
   *
   * @param bytes The length of its text in UTF-8
   */
  receive(text: string, bytes: number): void {
    const now = performance.now();
    const { session } = this.#source;
    session.activeAt = now;
    const isArray = session.knowsBatches && text.trimStart().startsWith("[");
    const retryAfterMs = isArray
      ? this.#rateLimit.takeBytes(bytes, now)
      : this.#rateLimit.takeRequest(bytes, now);
    const asked = () => ({ envelope: { rid: findRid(text), event: "" }, at: now });
    if (this.#isOverLimit(retryAfterMs, asked)) return;
    const arrival = { isCounted: !isArray, isLate: this.#state !== "open", now };
    const parse = () => this.#parse(text, arrival);
    if (bytes <= SMALL_FRAME_BYTES && this.#unparsed === 0) return parse();
    this.#unparsed++;
    const work = () => {
      this.#source.guard(parse);
      this.#unparsed--;
      if (this.isIdle) this.#idle?.resolve();
    };
    if (this.#options.largeFrames.add(this, { cost: bytes * COST_OF_BYTE, work })) return;
    this.#unparsed--;
    this.#replies.refuse(asked(), tooMuchToParse());
  }

  #parse(text: string, arrival: Arrival): void {
    for (const parsed of parseRequests(text, this.#source.session)) {
      this.#take(parsed, arrival);
      if (this.#state === "ended") return;
    }
  }

  #take(parsed: ParsedRequest, { isCounted, isLate, now }: Arrival): void {
    const envelope = "error" in parsed
      ? parsed.envelope
      : { rid: parsed.request.rid, event: parsed.request.command };
    const asked = { envelope, at: now };
    if (!isCounted && this.#isOverLimit(this.#rateLimit.take(now), () => asked)) return;
    if ("error" in parsed) return this.#replies.refuse(asked, parsed.error);
    try {
      if (isLate || this.#state === "given up") throw shuttingDown();
      this.#enqueue(parsed.request, asked);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#replies.refuse(asked, error);
    }
  }

  /** Refuses what is over a limit, or closes the socket of a client that is over it for long. */
  #isOverLimit(retryAfterMs: number, asked: () => Asked): boolean {
    // The limit of a POST outlives it, and what is within the limit is still answered (HTTP5).
    const mayClose = this.#source.session.transport === "socket";
    if (mayClose && this.#rateLimit.isAbused(performance.now())) {
      this.#source.close(CLOSE.rateLimited);
    } else if (retryAfterMs > 0) this.#replies.refuse(asked(), rateLimited(retryAfterMs));
    else return false;
    return true;
  }

  /** @throws {CommandError} The request is refused */
  #enqueue({ rid, command: name, options }: ClientRequest, asked: Asked): void {
    if (this.#work?.queue.has(rid)) throw duplicateRid(rid);
    const command = this.#commands.get(name);
    if (!command) throw unsupportedCommand(name, this.#commands.keys());
    const run = command.prepare(options);
    if (this.#work?.queue.hasRoom === false) {
      throw tooManyWaiting(this.#options.limits.maxWaiting);
    }
    const { queue, context } = this.#work ??= this.#startWork();
    queue.add({
      rid,
      barrier: command.barrier,
      run: () => this.#answer(run, { context, asked }),
    });
  }

  /** Runs a command and sends its reply. Never rejects. */
  async #answer(
    run: PreparedCommand,
    { context, asked }: Pick<Work, "context"> & { asked: Asked },
  ): Promise<void> {
    const { rid, event } = asked.envelope;
    const { session: { id: session }, outbox } = this.#source;
    const backend = new ListBackend(this.#options.backend, outbox.lists);
    const reply = await runCommandInSpan(event, {
      session,
      rid,
      run: () => this.#run(run, { context: { ...context, backend }, asked }),
    });
    const { httpStatus } = backend;
    this.#replies.send(asked, reply.status === "error" ? { httpStatus, ...reply } : reply);
    backend.sent();
  }

  async #run(
    run: PreparedCommand,
    { context, asked: { envelope } }: { context: CommandContext; asked: Asked },
  ): Promise<Reply> {
    try {
      return await run(context);
    } catch (error) {
      if (error instanceof CommandError) return this.#replies.errorReply(error);
      // Nobody gets this reply, so it is not counted.
      if (error === CLOSED) return errorReply(shuttingDown());
      const { rid, event: command } = envelope;
      const id = logDefect(error, { session: this.#source.session.id, rid, command });
      return this.#replies.errorReply(internalError(id));
    }
  }

  #startWork(): Work {
    const { tokens, resumePoints, streamStatus, metrics, limits } = this.#options;
    const { session } = this.#source;
    const queue = new RequestQueue({
      limits,
      mayStart: () => this.#mayStart(),
      onIdle: () => {
        this.#work = null;
        session.activeAt = performance.now();
        if (this.isIdle) this.#idle?.resolve();
      },
    });
    const abort = new AbortController();
    const { signal } = abort;
    const context = { session, tokens, resumePoints, streamStatus, limits, metrics, signal };
    return { queue, abort, context };
  }

  /** Whether the next request may start. While the client is behind, requests wait (SLOW1). */
  #mayStart(): boolean {
    if (this.#state === "ended") return false;
    // After giveUp, waiting requests start at once, and are answered with `shutting-down`.
    if (this.#work?.abort.signal.aborted || !this.#source.outbox.isBehind) return true;
    if (!this.#isWaiting) {
      this.#source.outbox.whenCaughtUp(() => {
        this.#isWaiting = false;
        this.#work?.queue.proceed();
      });
    }
    this.#isWaiting = true;
    return false;
  }

  /** The commands of the client's endpoint. */
  get #commands(): CommandTable {
    return this.#options.commands[this.#source.session.endpoint];
  }

  /** Refuses later requests. Resolves when all earlier ones are answered. */
  async drain(): Promise<void> {
    if (this.#state === "open") this.#state = "draining";
    if (!this.isIdle) await (this.#idle ??= Promise.withResolvers()).promise;
  }

  /** Answers all requests that still run or wait with `shutting-down`. */
  giveUp(): void {
    if (this.#state !== "ended") this.#state = "given up";
    this.#work?.abort.abort(shuttingDown());
    this.#work?.queue.proceed();
  }

  /** Aborts all requests, because the connection has ended. */
  end(): void {
    this.#state = "ended";
    this.#options.largeFrames.drop(this);
    this.#work?.abort.abort(CLOSED);
    this.#work = null;
    this.#idle?.resolve();
  }
}
