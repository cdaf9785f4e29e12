/**
 * Replies as HTTP answers (HTTP1): the frame is the body, and the status says how it went.
 */
import { CommandError, errorReply, type Problem } from "../../protocol/errors.ts";
import { NO_RID, type Reply, replyFrame, type ReplyStatus } from "../../protocol/frames.ts";

/** The status of each reply. The one of an error is its own, and else the backend has misbehaved. */
const HTTP_STATUS: Readonly<Record<ReplyStatus, number>> = {
  ok: 200,
  unauthorized: 401,
  forbidden: 403,
  error: 502,
};

/** Answers with the frame of a reply. */
export function replyResponse(
  { status, httpStatus = HTTP_STATUS[status], retryAfterMs }: Reply,
  frame: string,
): Response {
  const headers = new Headers({
    "content-type": "application/json",
    // Compressing a large list would keep the event loop busy.
    "cache-control": "no-store, no-transform",
  });
  if (retryAfterMs !== undefined) {
    headers.set("retry-after", String(Math.ceil(retryAfterMs / 1000)));
  }
  if (httpStatus === 401) headers.set("www-authenticate", "Bearer");
  return new Response(frame, { status: httpStatus, headers });
}

/** Answers before a command was read: the reply has no rid, and no command's name. */
export function refusalResponse(reply: Reply): Response {
  return replyResponse(reply, replyFrame(NO_RID, "", reply));
}

/**
 * Answers with an error before a command was read.
 *
 * @param httpStatus Default: the one of the problem's slug
 */
export function problemResponse(problem: Problem, httpStatus?: number): Response {
  const reply = errorReply(new CommandError(problem));
  return refusalResponse(httpStatus === undefined ? reply : { ...reply, httpStatus });
}

/** The answer to a request over MAX_MESSAGE_BYTES. */
export function tooLargeResponse(): Response {
  return problemResponse({ slug: "invalid-request", message: "Over MAX_MESSAGE_BYTES" }, 413);
}
