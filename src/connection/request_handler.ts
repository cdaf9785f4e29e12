/**
 * What a client asks and is answered: frame → request → command → reply, with its limits.
 */
import { getLogger } from "@logtape/logtape";
import type { CommandTable } from "../commands/table.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import type { CommandContext } from "../commands/define.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { type Reply, replyFrame } from "../protocol/frames.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import { CommandError, errorReply, type Slug } from "../protocol/errors.ts";
import { RateLimit } from "./rate_limit.ts";
import { type Envelope, type Parsed, parseRequests, type Request } from "./parse_request.ts";
import { RequestQueue } from "./request_queue.ts";
import type { Session } from "../sessions/session.ts";
import { runCommandInSpan } from "../observe/spans.ts";

const logger = getLogger(["wss", "connection"]);

/** Why the work for a connection that has ended is aborted. */
const CLOSED = "the connection has closed";

/** How much a client may ask. */
export interface RequestLimits {
  /** Requests a second. */
  readonly rateLimit: number;
  readonly maxSubscriptions: number;
  readonly maxInflight: number;
  readonly maxWaiting: number;
  /** Bytes of refusals that a client is sent while it is behind. */
  readonly maxBufferedBytes: number;
}

/** Where requests come from: what is used of a connection. */
export interface RequestSource {
  readonly session: Session;
  readonly outbox: Pick<Outbox, "send" | "isBehind" | "whenCaughtUp">;
  close(close: CloseCode): void;
}

/** What all request handlers share. */
export interface RequestHandlerOptions
  extends Pick<CommandContext, "backend" | "tokens" | "resumePoints" | "streamStatus"> {
  readonly commands: Readonly<Record<Endpoint, CommandTable>>;
  readonly limits: RequestLimits;
  readonly metrics: Pick<Metrics, "requests" | "requestErrors" | "requestSeconds" | "resumes">;
}

/** What a client asked, and when, by `performance.now()`. */
interface Asked {
  readonly envelope: Envelope;
  readonly at: number;
}

/** What is there only while requests are being answered, which most clients' are not. */
interface Work {
  readonly queue: RequestQueue;
  readonly abort: AbortController;
  readonly context: CommandContext;
}

/** A client's requests, until its connection ends. */
export class RequestHandler {
  readonly #source: RequestSource;
  readonly #options: RequestHandlerOptions;
  readonly #rateLimit: RateLimit;
  #state: "open" | "draining" | "ended" = "open";
  #work: Work | null = null;
  /** Called when nothing is being answered any more. */
  #onIdle: (() => void) | null = null;
  /** Whether commands wait for the client to be behind no more. */
  #isWaiting = false;
  /** Characters of refusals that it was sent while it was behind. */
  #refusedBehind = 0;

  constructor(source: RequestSource, options: RequestHandlerOptions) {
    this.#source = source;
    this.#options = options;
    this.#rateLimit = new RateLimit(options.limits.rateLimit, performance.now());
  }

  /** Whether nothing is being answered. */
  get isIdle(): boolean {
    return this.#work === null;
  }

  /** Takes a frame of text. */
  receive(text: string): void {
    const now = performance.now();
    this.#source.session.activeAt = now;
    for (const parsed of parseRequests(text, this.#source.session)) {
      this.#take(parsed, now);
      if (this.#state === "ended") return;
    }
  }

  #take(parsed: Parsed, now: number): void {
    const envelope = "error" in parsed
      ? parsed.envelope
      : { rid: parsed.request.rid, event: parsed.request.command };
    const asked = { envelope, at: now };
    const retryAfterMs = this.#rateLimit.take(now);
    if (this.#rateLimit.isAbused(now)) return this.#source.close(CLOSE.rateLimited);
    if (retryAfterMs > 0) return this.#refuse(asked, rateLimited(retryAfterMs));
    if ("error" in parsed) return this.#refuse(asked, parsed.error);
    try {
      this.#enqueue(parsed.request, asked);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#refuse(asked, error);
    }
  }

  /** Refuses what comes from now on; resolves when what runs is answered. */
  async drain(): Promise<void> {
    if (this.#state === "open") this.#state = "draining";
    if (this.#work) await new Promise<void>((resolve) => this.#onIdle = resolve);
  }

  /** Answers what still runs or waits with `shutting-down`. */
  giveUp(): void {
    this.#work?.abort.abort(shuttingDown());
    this.#work?.queue.proceed();
  }

  /** The connection has ended: what runs is aborted, and answered to nobody. */
  end(): void {
    this.#state = "ended";
    this.#work?.abort.abort(CLOSED);
    this.#work = null;
    this.#onIdle?.();
  }

  /** @throws {CommandError} The request can't be run */
  #enqueue({ rid, command: name, options }: Request, asked: Asked): void {
    const { session } = this.#source;
    const commands = this.#commands;
    if (this.#state === "draining") throw shuttingDown();
    if (this.#work?.queue.has(rid)) {
      throw refusal("duplicate-rid", `The rid ${rid} is still in use`);
    }
    const command = commands.get(name);
    if (!command) {
      const allowed = [...commands.keys()].join(", ");
      const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
      throw refusal(
        "unsupported-command",
        `Cannot run ${shown}: there is no such command here, only: ${allowed}`,
      );
    }
    const run = command.prepare(options);
    if (this.#work?.queue.hasRoom === false) {
      const { maxWaiting } = this.#options.limits;
      throw refusal("overloaded", `More than ${maxWaiting} requests are waiting`);
    }
    const { queue, context } = this.#work ??= this.#startWork();
    queue.add({
      rid,
      barrier: command.barrier,
      run: async () => {
        const answer = () => this.#answer(() => run(context), asked);
        this.#reply(asked, await runCommandInSpan(name, { session: session.id, rid, run: answer }));
      },
    });
  }

  #startWork(): Work {
    const { backend, tokens, resumePoints, streamStatus, metrics, limits } = this.#options;
    const { session } = this.#source;
    const queue = new RequestQueue({
      limits,
      mayStart: () => this.#mayStart(),
      onIdle: () => {
        this.#work = null;
        session.activeAt = performance.now();
        this.#onIdle?.();
      },
    });
    const abort = new AbortController();
    const { signal } = abort;
    const { maxSubscriptions } = limits;
    const context = {
      session,
      backend,
      tokens,
      resumePoints,
      streamStatus,
      maxSubscriptions,
      metrics,
      signal,
    };
    return { queue, abort, context };
  }

  /** The commands of the endpoint at which the client has connected. */
  get #commands(): CommandTable {
    return this.#options.commands[this.#source.session.endpoint];
  }

  async #answer(
    run: () => Reply | Promise<Reply>,
    { envelope: { rid, event } }: Asked,
  ): Promise<Reply> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof CommandError) return this.#errorReply(error);
      // Nobody reads the reply to a connection that has closed.
      if (error === CLOSED) return errorReply(shuttingDown());
      const id = logDefect(error, { session: this.#source.session.id, rid, command: event });
      return this.#errorReply(refusal("internal", `Internal error ${id}`));
    }
  }

  #errorReply(error: CommandError): Reply {
    const { requestErrors } = this.#options.metrics;
    for (const { slug } of error.problems) requestErrors.inc({ slug });
    return errorReply(error);
  }

  #reply({ envelope: { rid, event }, at }: Asked, reply: Reply): void {
    this.#source.outbox.send(replyFrame(rid, event, reply));
    reply.sent?.();
    // Nobody was told.
    if (this.#state === "ended") return;
    const { metrics } = this.#options;
    // What there is no command for is the client's choice.
    const command = this.#commands.has(event) ? event : "unknown";
    const ms = performance.now() - at;
    metrics.requests.inc({ command, status: reply.status });
    metrics.requestSeconds.observe({ command }, ms / 1000);
    logger.debug("Answered {command} with {status} after {ms} ms", {
      session: this.#source.session.id,
      rid,
      command,
      status: reply.status,
      ms: Math.round(ms),
    });
  }

  /** Commands of a session that is behind wait (SLOW1). */
  #mayStart(): boolean {
    if (this.#state === "ended") return false;
    // Given up: what has waited is answered with that.
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

  /** Refuses a frame; a client that goes on with such without reading the replies is too slow. */
  #refuse(asked: Asked, error: CommandError): void {
    const reply = this.#errorReply(error);
    if (this.#source.outbox.isBehind) {
      this.#refusedBehind += asked.envelope.event.length + reply.payload.length;
      if (this.#refusedBehind > this.#options.limits.maxBufferedBytes) {
        return this.#source.close(CLOSE.tooSlow);
      }
    } else {
      this.#refusedBehind = 0;
    }
    this.#reply(asked, reply);
  }
}

function refusal(slug: Slug, message: string): CommandError {
  return new CommandError({ slug, message });
}

function rateLimited(retryAfterMs: number): CommandError {
  return new CommandError({
    slug: "rate-limited",
    message: "Too many requests; make fewer a second",
    retryAfterMs,
  });
}

function shuttingDown(): CommandError {
  return refusal("shutting-down", "This instance is shutting down; connect again");
}

/** Logs what should never happen; the id finds it from what the client was told. */
export function logDefect(error: unknown, where: Record<string, unknown>): string {
  const id = crypto.randomUUID();
  logger.error("Internal error {id}: {error}", {
    ...where,
    id,
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
  return id;
}
