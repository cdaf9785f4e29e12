/**
 * Errors with which a connection refuses a request, beside those of parsing and of the commands.
 */
import { CommandError } from "../protocol/errors.ts";

export function rateLimited(retryAfterMs: number): CommandError {
  return new CommandError({
    slug: "rate-limited",
    message: "Too many requests, or too many bytes: send fewer per second",
    retryAfterMs,
  });
}

export function duplicateRid(rid: number): CommandError {
  return new CommandError({ slug: "duplicate-rid", message: `The rid ${rid} is still in use` });
}

/** Characters of a command's name that the message shows. */
const MAX_SHOWN = 60;

/** @param available The commands that the endpoint has */
export function unsupportedCommand(name: string, available: Iterable<string>): CommandError {
  const shown = name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
  return new CommandError({
    slug: "unsupported-command",
    message: `Cannot run ${JSON.stringify(shown)}: this endpoint has no such command, only: ${
      [...available].join(", ")
    }`,
  });
}

export function tooManyWaiting(maxWaiting: number): CommandError {
  return new CommandError({
    slug: "overloaded",
    message: `More than ${maxWaiting} requests are waiting`,
  });
}

/** Milliseconds after which large frames may be sent again. Most are parsed by then. */
const PARSE_LATER_MS = 1000;

export function tooMuchToParse(): CommandError {
  return new CommandError({
    slug: "overloaded",
    message: "Too many large messages of all clients are waiting",
    retryAfterMs: PARSE_LATER_MS,
  });
}

export function shuttingDown(): CommandError {
  return new CommandError({
    slug: "shutting-down",
    message: "This connection is about to be closed; connect again",
  });
}

/** @param id The id under which the defect was logged */
export function internalError(id: string): CommandError {
  return new CommandError({ slug: "internal", message: `Internal error ${id}` });
}
