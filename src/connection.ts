/**
 * One socket: frame → request → command → reply. The end of both ways through the service.
 */
import { getLogger } from "@logtape/logtape";
import type { Backend } from "./backend.ts";
import type { CommandTable } from "./commands/table.ts";
import type { Leaving } from "./drain.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Metrics } from "./metrics.ts";
import type { Guest, IdleGuests } from "./idle_guests.ts";
import type { Places } from "./places.ts";
import {
  CLOSE,
  type CloseCode,
  CommandError,
  errorReply,
  pushFrame,
  type Reply,
  replyFrame,
  type Slug,
  toJson,
} from "./protocol.ts";
import { Outbox, type OutboxSocket, type SlowClients, type SlowLimits } from "./outbox.ts";
import { RateLimit } from "./rate_limit.ts";
import { type Envelope, parseRequest, type Request } from "./request.ts";
import { RequestQueue } from "./request_queue.ts";
import type { Session, SessionOptions, Sessions } from "./sessions.ts";
import type { Tokens } from "./tokens.ts";
import type { Trace } from "./trace.ts";
import { traceCommand } from "./tracing.ts";

const log = getLogger(["wss", "connection"]);

/** Why the work for a connection that has ended is aborted. */
const CLOSED = "the connection has closed";

/** What a connection uses of its socket. */
export type Socket = OutboxSocket & Pick<WebSocket, "close">;

/** What all connections of an endpoint share. */
export interface ConnectionOptions {
  readonly commands: CommandTable;
  readonly backend: Backend;
  readonly tokens: Tokens;
  readonly places: Places;
  readonly sessions: Sessions;
  readonly heartbeat: Pick<Heartbeat, "add" | "remove">;
  readonly slowClients: SlowClients;
  readonly idleGuests: IdleGuests;
  readonly trace: Pick<Trace, "announced">;
  readonly metrics: Pick<
    Metrics,
    "disconnects" | "requests" | "requestErrors" | "requestSeconds" | "resumes"
  >;
  readonly limits: SlowLimits & {
    /** Requests a second. */
    readonly rateLimit: number;
    readonly maxSubscriptions: number;
    readonly maxMessageBytes: number;
    readonly maxInflight: number;
    readonly maxWaiting: number;
  };
}

/** A client, as it is known from its upgrade. */
export interface Client extends Pick<SessionOptions, "knowsVersion1" | "endpoint"> {
  /** Whose token came with the upgrade, if one did (NET4). */
  readonly identity: { readonly user: string; readonly token: string } | null;
}

/** A client, from its upgrade to the end. */
export class Connection implements Guest, Leaving {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #outbox: Outbox;
  readonly #session: Session;
  readonly #queue: RequestQueue;
  readonly #abort = new AbortController();
  readonly #drained = Promise.withResolvers<void>();
  readonly #rateLimit: RateLimit;
  readonly #hasIdentity: boolean;
  #state: "open" | "draining" | "closed" = "open";
  /** How to close a socket that was to be closed before it was open. */
  #closeOnOpen: CloseCode | undefined;
  /** Whether commands wait for it to be behind no more. */
  #isWaiting = false;
  /** Characters of refusals that it was sent while it was behind. */
  #refusedBehind = 0;
  /** The slot that it could not be told yet (LIFE4). */
  #endAfterMs: number | undefined;

  constructor(socket: Socket, { identity, ...options }: ConnectionOptions & Client) {
    this.#socket = socket;
    this.#options = options;
    this.#outbox = new Outbox(socket, {
      ...options,
      onTooSlow: () => this.close(CLOSE.tooSlow),
    });
    this.#session = options.sessions.open({ ...options, outbox: this.#outbox });
    this.#rateLimit = new RateLimit(options.limits.rateLimit, performance.now());
    if (identity) this.#session.logIn(identity);
    this.#hasIdentity = identity !== null;
    options.heartbeat.add(this.#session);
    options.idleGuests.add(this);
    this.#queue = new RequestQueue({
      ...options.limits,
      mayStart: () => this.#mayStart(),
      onIdle: () => {
        this.#session.activeAt = performance.now();
        if (this.#state === "draining") this.#drained.resolve();
      },
    });
  }

  /** The session's id. */
  get id(): string {
    return this.#session.id;
  }

  /** The path at which it has connected. */
  get endpoint(): SessionOptions["endpoint"] {
    return this.#session.endpoint;
  }

  /** The socket is open. */
  opened(): void {
    if (this.#closeOnOpen) this.close(this.#closeOnOpen);
    // Logged out since it was identified; nobody could tell it.
    else if (this.#hasIdentity && this.#session.user === null) this.close(CLOSE.tokenRefused);
    else if (this.#endAfterMs !== undefined) this.announceEnd(this.#endAfterMs);
  }

  /** Takes one message of the socket. Never throws: that would end the process. */
  receive(data: unknown): void {
    try {
      if (this.#state === "closed") return;
      if (typeof data !== "string") this.close(CLOSE.unsupportedData);
      else if (this.#isTooBig(data)) this.close(CLOSE.messageTooBig);
      else this.#receiveText(data);
    } catch (defect) {
      logDefect(defect, { session: this.#session.id });
      this.close(CLOSE.internalError);
    }
  }

  /** Ends the connection from this side; the session is gone at once, whatever the peer does. */
  close(close: CloseCode): void {
    this.#end(close.name);
    if (this.#socket.readyState === WebSocket.CONNECTING) {
      this.#closeOnOpen = close;
      return;
    }
    try {
      this.#socket.close(close.code, close.reason);
    } catch (error) {
      log.debug("A socket could not be closed: {error}", { error });
    }
  }

  /** The socket has gone, or never opened; `why` says what is known of that. */
  gone(why: "client" | "ping_timeout" | "never_opened"): void {
    this.#end(why);
    this.#closeOnOpen ??= CLOSE.restart;
  }

  /** Forgets the session (LIFE3). */
  #end(why: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#abort.abort(CLOSED);
    this.#options.metrics.disconnects.inc({ reason: why });
    log.debug("A session ended: {why}", { session: this.#session.id, why });
    this.#options.sessions.close(this.#session, why);
    this.#options.heartbeat.remove(this.#session);
    this.#options.idleGuests.remove(this);
    this.#outbox.end();
    this.#drained.resolve();
  }

  idleForMs(now: number): number {
    const { user, isSubscribed, activeAt } = this.#session;
    return user === null && !isSubscribed && this.#queue.idle ? now - activeAt : 0;
  }

  closeAsIdle(): void {
    this.close(CLOSE.idleGuest);
  }

  announceEnd(afterMs: number): void {
    if (this.#state === "closed" || !this.#session.knowsVersion1) return;
    this.#endAfterMs = afterMs;
    const { isLive, isSubscribed } = this.#session;
    const { cursor } = this.#options.places;
    const payload = toJson({ afterMs });
    const place = isLive && isSubscribed ? { cursor } : {};
    this.#outbox.send(pushFrame("server", { status: "reconnect", payload, ...place }));
    this.#options.trace.announced("server", "reconnect");
  }

  async leave(): Promise<void> {
    if (this.#state === "open") this.#state = "draining";
    if (this.#queue.idle) this.#drained.resolve();
    await this.#drained.promise;
    this.cut();
  }

  giveUp(): void {
    this.#abort.abort(shuttingDown());
    this.#queue.proceed();
  }

  cut(): void {
    if (this.#state !== "closed") this.close(CLOSE.restart);
  }

  #isTooBig(text: string): boolean {
    const { maxMessageBytes } = this.#options.limits;
    // A UTF-16 unit is one to three bytes of UTF-8, so that most frames need not be encoded.
    if (text.length > maxMessageBytes) return true;
    return text.length * 3 > maxMessageBytes &&
      new TextEncoder().encode(text).byteLength > maxMessageBytes;
  }

  #receiveText(text: string): void {
    const now = performance.now();
    this.#session.activeAt = now;
    const parsed = parseRequest(text);
    const envelope = "error" in parsed
      ? parsed.envelope
      : { rid: parsed.request.rid, event: parsed.request.command };
    const asked = { envelope, at: now };
    const retryAfterMs = this.#rateLimit.take(now);
    if (this.#rateLimit.isAbused(now)) return this.close(CLOSE.rateLimited);
    if (retryAfterMs > 0) return this.#refuse(asked, rateLimited(retryAfterMs));
    if ("error" in parsed) return this.#refuse(asked, parsed.error);
    try {
      this.#enqueue(parsed.request, asked);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#refuse(asked, error);
    }
  }

  /** @throws {CommandError} The request can't be run */
  #enqueue({ rid, command: name, options }: Request, asked: Asked): void {
    const { commands, backend, tokens, places, metrics, limits } = this.#options;
    if (this.#state === "draining") throw shuttingDown();
    if (this.#queue.has(rid)) throw refusal("duplicate-rid", `The rid ${rid} is still in use`);
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
    if (!this.#queue.hasRoom) {
      throw refusal("overloaded", `More than ${limits.maxWaiting} requests are waiting`);
    }
    const context = {
      session: this.#session,
      backend,
      tokens,
      places,
      maxSubscriptions: limits.maxSubscriptions,
      metrics,
      signal: this.#abort.signal,
    };
    this.#queue.add({
      rid,
      barrier: command.barrier,
      run: async () => {
        const answer = () => this.#answer(() => run(context), asked);
        const span = { session: this.#session.id, rid, run: answer };
        this.#reply(asked, await traceCommand(name, span));
      },
    });
  }

  async #answer(run: () => Promise<Reply>, { envelope: { rid, event } }: Asked): Promise<Reply> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof CommandError) return this.#errorReply(error);
      // Nobody reads the reply to a connection that has closed.
      if (error === CLOSED) return errorReply(shuttingDown());
      const id = logDefect(error, { session: this.#session.id, rid, command: event });
      return this.#errorReply(refusal("internal", `Internal error ${id}`));
    }
  }

  #errorReply(error: CommandError): Reply {
    const { requestErrors } = this.#options.metrics;
    for (const { slug } of error.problems) requestErrors.inc({ slug });
    return errorReply(error);
  }

  #reply({ envelope: { rid, event }, at }: Asked, reply: Reply): void {
    this.#outbox.send(replyFrame(rid, event, reply));
    reply.sent?.();
    // Nobody was told.
    if (this.#state === "closed") return;
    const { commands, metrics } = this.#options;
    // What there is no command for is the client's choice.
    const command = commands.has(event) ? event : "unknown";
    const ms = performance.now() - at;
    metrics.requests.inc({ command, status: reply.status });
    metrics.requestSeconds.observe({ command }, ms / 1000);
    log.debug("Answered {command} with {status} after {ms} ms", {
      session: this.#session.id,
      rid,
      command,
      status: reply.status,
      ms: Math.round(ms),
    });
  }

  /** Commands of a session that is behind wait (SLOW1). */
  #mayStart(): boolean {
    if (this.#state === "closed") return false;
    // Given up: what has waited is answered with that.
    if (this.#abort.signal.aborted || !this.#outbox.isBehind) return true;
    if (!this.#isWaiting) {
      this.#outbox.whenCaughtUp(() => {
        this.#isWaiting = false;
        this.#queue.proceed();
      });
    }
    this.#isWaiting = true;
    return false;
  }

  /** Refuses a frame; a client that goes on with such without reading the replies is too slow. */
  #refuse(asked: Asked, error: CommandError): void {
    const reply = this.#errorReply(error);
    if (this.#outbox.isBehind) {
      this.#refusedBehind += asked.envelope.event.length + reply.payload.length;
      if (this.#refusedBehind > this.#options.limits.maxBufferedBytes) {
        return this.close(CLOSE.tooSlow);
      }
    } else {
      this.#refusedBehind = 0;
    }
    this.#reply(asked, reply);
  }
}

/** What a client asked, and when, by `performance.now()`. */
interface Asked {
  readonly envelope: Envelope;
  readonly at: number;
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
function logDefect(error: unknown, where: Record<string, unknown>): string {
  const id = crypto.randomUUID();
  log.error("Internal error {id}: {error}", {
    ...where,
    id,
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
  return id;
}
