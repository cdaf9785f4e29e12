/**
 * What a command is. `defineCommand` ties a handler to its schema, so that one table can hold
 * commands with options of every type, and keeps what the AsyncAPI document says of the command.
 */
import * as z from "zod";
import type { Api } from "../backend/apis.ts";
import type { Backend } from "../backend/backend.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ResumePoints } from "../log/resume.ts";
import type { Reply } from "../protocol/frames.ts";
import type { Session } from "../sessions/session.ts";
import type { StreamStatus } from "../sessions/stream_status.ts";
import type { Tokens } from "../backend/tokens.ts";
import { keyNamer } from "../protocol/key_case.ts";
import { parseOrRefuse } from "../protocol/validation.ts";

/** What a command's handler works with. */
export interface CommandContext {
  readonly session: Session;
  readonly backend: Pick<Backend, "get" | "put" | "refuseLongUrl">;
  readonly tokens: Tokens;
  readonly resumePoints: ResumePoints;
  readonly streamStatus: Pick<StreamStatus, "greet">;
  /** How many subscriptions one session may have, and what these may keep (LIM3, LIM5). */
  readonly limits: { readonly maxSubscriptions: number; readonly maxSessionBytes: number };
  readonly metrics: Pick<Metrics, "resumes">;
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal;
}

/** What the document says of the reply `ok`. */
export interface ReplyInfo {
  readonly summary: string;
  /** The schema of the reply's payload. */
  readonly payload: z.ZodType;
  readonly examples: readonly ReplyExample[];
}

/** A reply `ok`, without the keys that are the same in all of them. */
export interface ReplyExample {
  /** The rid of the request that it answers: examples of requests are numbered from 1. Default 1. */
  readonly rid?: number;
  readonly payload: unknown;
  /** The subscription's id, if the command subscribes. Default: the command's name. */
  readonly event?: string;
  readonly recovered?: false;
  readonly cursor?: string;
}

/** A command as its file defines it. */
export interface CommandDefinition<S extends z.ZodType> {
  readonly name: string;
  /** The API that the command needs. If this API has no URL, no endpoint has the command. */
  readonly needs?: Api;
  /** Whether it runs alone: after all requests before it, and before all after it (REQ5). */
  readonly barrier?: boolean;
  /**
   * Whether it subscribes the session. Then the `event` of its reply is the subscription's id, the
   * reply has a cursor, and a request with `since` may be answered with `recovered: true` (DEL5).
   */
  readonly subscribes?: boolean;
  /**
   * Whether it subscribes the session if its options say so. Then the `event` of its reply is the
   * subscription's id. There is no cursor (COUNT2).
   */
  readonly subscribesIfAsked?: boolean;
  /** Whether it is only for sessions that stay, and so not for a POST (HTTP1). Default: false. */
  readonly changesSession?: boolean;
  /** The schema of its options. */
  readonly options: S;
  /** One line for the document. */
  readonly summary: string;
  /** Options of example requests. */
  readonly examples: readonly z.input<S>[];
  readonly reply: ReplyInfo;
  /** @throws {CommandError} What the client asked for cannot be done */
  run(options: z.output<S>, context: CommandContext): Reply | Promise<Reply>;
}

/** One entry of the command table. */
export interface Command<S extends z.ZodType = z.ZodType>
  extends Omit<CommandDefinition<S>, "run" | "barrier" | "subscribes" | "subscribesIfAsked"> {
  readonly barrier: boolean;
  readonly subscribes: boolean;
  readonly subscribesIfAsked: boolean;
  /**
   * Parses the options.
   *
   * @throws {CommandError} `invalid-options`
   */
  prepare(options: unknown): PreparedCommand;
}

/** A command's handler with its options. It may be called once. */
export type PreparedCommand = (context: CommandContext) => Reply | Promise<Reply>;

/** Makes a {@linkcode Command}. */
export function defineCommand<S extends z.ZodType>(
  { run, barrier = false, subscribes = false, subscribesIfAsked = false, ...info }:
    CommandDefinition<S>,
): Command<S> {
  const nameKeys = keyNamer(info.options);
  return {
    ...info,
    barrier,
    subscribes,
    subscribesIfAsked,
    prepare(options) {
      const refusal = { path: ["options"], slug: "invalid-options" } as const;
      const parsed = parseOrRefuse(info.options, nameKeys(options), refusal);
      return (context) => run(parsed, context);
    },
  };
}

/** The payload of a command that passes on what a backend answered. */
export const backendBodySchema = z.unknown().describe("What the backend answered (BCK1)");
