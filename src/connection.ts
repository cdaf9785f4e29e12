/**
 * One socket: frame → request → command → reply. The end of both ways through the service.
 */
import { getLogger } from "@logtape/logtape";
import type { Backend } from "./backend.ts";
import type { CommandTable } from "./commands/table.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Places } from "./places.ts";
import {
  CLOSE,
  type CloseCode,
  CommandError,
  errorReply,
  type Reply,
  replyFrame,
  type Slug,
} from "./protocol.ts";
import { Outbox, type OutboxSocket, type SlowClients, type SlowLimits } from "./outbox.ts";
import { type Envelope, parseRequest, type Request } from "./request.ts";
import { RequestQueue } from "./request_queue.ts";
import type { Session, SessionOptions, Sessions } from "./sessions.ts";
import type { Tokens } from "./tokens.ts";

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
  readonly limits: SlowLimits & {
    readonly maxMessageBytes: number;
    readonly maxInflight: number;
    readonly maxWaiting: number;
  };
}

/** A client, from the opening of its socket to the end. */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #outbox: Outbox;
  readonly #session: Session;
  readonly #queue: RequestQueue;
  readonly #abort = new AbortController();
  readonly #drained = Promise.withResolvers<void>();
  #state: "open" | "draining" | "closed" = "open";
  #waitsForRoom = false;

  constructor(
    socket: Socket,
    { knowsVersion1, ...options }: ConnectionOptions & Pick<SessionOptions, "knowsVersion1">,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#outbox = new Outbox(socket, {
      ...options,
      onTooSlow: () => this.close(CLOSE.tooSlow),
    });
    this.#session = options.sessions.open({ knowsVersion1, outbox: this.#outbox });
    options.heartbeat.add(this.#session);
    this.#queue = new RequestQueue({
      ...options.limits,
      mayStart: () => this.#mayStart(),
      onIdle: () => {
        if (this.#state === "draining") this.#drained.resolve();
      },
    });
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
  close({ code, reason }: CloseCode): void {
    this.end();
    try {
      this.#socket.close(code, reason);
    } catch (error) {
      log.debug("A socket could not be closed: {error}", { error });
    }
  }

  /** Forgets the session (LIFE3); for when the socket has closed. May be called again. */
  end(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#abort.abort(CLOSED);
    this.#options.sessions.close(this.#session);
    this.#options.heartbeat.remove(this.#session);
    this.#outbox.end();
    this.#drained.resolve();
  }

  /** Takes no more requests; resolves when those under way are answered. */
  drain(): Promise<void> {
    if (this.#state === "open") this.#state = "draining";
    if (this.#queue.idle) this.#drained.resolve();
    return this.#drained.promise;
  }

  /** Answers what is still under way with `shutting-down`; for when draining has taken too long. */
  giveUp(): void {
    this.#abort.abort(shuttingDown());
  }

  #isTooBig(text: string): boolean {
    const { maxMessageBytes } = this.#options.limits;
    // A UTF-16 unit is one to three bytes of UTF-8, so that most frames need not be encoded.
    if (text.length > maxMessageBytes) return true;
    return text.length * 3 > maxMessageBytes &&
      new TextEncoder().encode(text).byteLength > maxMessageBytes;
  }

  #receiveText(text: string): void {
    const parsed = parseRequest(text);
    if ("error" in parsed) return this.#reply(parsed.envelope, errorReply(parsed.error));

    const envelope = { rid: parsed.request.rid, event: parsed.request.command };
    try {
      this.#enqueue(parsed.request, envelope);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#reply(envelope, errorReply(error));
    }
  }

  /** @throws {CommandError} The request can't be run */
  #enqueue({ rid, command: name, options }: Request, envelope: Envelope): void {
    const { commands, backend, tokens, places, limits } = this.#options;
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
      signal: this.#abort.signal,
    };
    this.#queue.add({
      rid,
      barrier: command.barrier,
      run: async () => this.#reply(envelope, await this.#answer(() => run(context), envelope)),
    });
  }

  async #answer(run: () => Promise<Reply>, { rid, event }: Envelope): Promise<Reply> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof CommandError) return errorReply(error);
      // Nobody reads the reply to a connection that has closed.
      if (error === CLOSED) return errorReply(shuttingDown());
      const id = logDefect(error, { session: this.#session.id, rid, command: event });
      return errorReply(refusal("internal", `Internal error ${id}`));
    }
  }

  #reply({ rid, event }: Envelope, reply: Reply): void {
    this.#outbox.send(replyFrame(rid, event, reply));
    reply.sent?.();
  }

  /** Commands of a session that is behind wait (SLOW1). */
  #mayStart(): boolean {
    if (!this.#outbox.isBehind) return true;
    if (!this.#waitsForRoom) this.#outbox.whenRoom(() => this.#proceed());
    this.#waitsForRoom = true;
    return false;
  }

  #proceed(): void {
    this.#waitsForRoom = false;
    this.#queue.proceed();
  }
}

function refusal(slug: Slug, message: string): CommandError {
  return new CommandError({ slug, message });
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
