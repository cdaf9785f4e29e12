/**
 * What a command is. Its schema and its handler are closed over each other here, so that the table
 * holds commands of every type of options.
 */
import type * as z from "zod";
import type { Backend } from "../backend/backend.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ResumePoints } from "../log/resume.ts";
import type { Reply } from "../protocol/frames.ts";
import type { Session } from "../sessions/session.ts";
import type { StreamStatus } from "../sessions/stream_status.ts";
import type { Tokens } from "../backend/tokens.ts";
import { parseOrRefuse } from "../protocol/validation.ts";

/** What a handler works with. */
export interface CommandContext {
  readonly session: Session;
  readonly backend: Backend;
  readonly tokens: Tokens;
  readonly resumePoints: ResumePoints;
  readonly streamStatus: Pick<StreamStatus, "greet">;
  /** Subscriptions that a session may have (LIM3). */
  readonly maxSubscriptions: number;
  readonly metrics: Pick<Metrics, "resumes">;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
}

/** One entry of the command table. */
export interface Command<S extends z.ZodType = z.ZodType> {
  readonly name: string;
  /** Starts when all before it are answered; what comes after waits for it (REQ5). */
  readonly barrier: boolean;
  /** What its options may be. */
  readonly options: S;
  /**
   * Parses the options.
   *
   * @returns The work that is left, to be run once
   * @throws {CommandError} `invalid-options`
   */
  prepare(options: unknown): (context: CommandContext) => Reply | Promise<Reply>;
}

/** Makes a {@linkcode Command} of a schema and of what to do with what it parses. */
export function defineCommand<S extends z.ZodType>(definition: {
  name: string;
  barrier?: boolean;
  options: S;
  run(options: z.output<S>, context: CommandContext): Reply | Promise<Reply>;
}): Command<S> {
  const { name, barrier = false, options: schema, run } = definition;
  return {
    name,
    barrier,
    options: schema,
    prepare(options) {
      const parsed = parseOrRefuse(schema, options, { path: ["options"], slug: "invalid-options" });
      return (context) => run(parsed, context);
    },
  };
}
