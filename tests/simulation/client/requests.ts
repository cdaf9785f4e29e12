/** The requests of one connection that are not answered yet: each gets one reply, in the right order. */
import { Violation } from "../oracle/knowledge.ts";
import type { Frame } from "./frames.ts";

/** A request that is not answered yet. */
interface Request {
  readonly command: string;
  readonly onReply: (reply: Frame) => void;
}

/** Commands that run alone. */
const BARRIERS = new Set(["authentication", "updateNotifications", "subscription"]);
/** Refusals that do not wait for other requests. */
const REFUSALS = new Set(["rate-limited", "overloaded", "shutting-down", "invalid-options"]);

/** The requests of one client. */
export class Requests {
  readonly #open = new Map<number, Request>();
  #rid = 0;

  /** Notes a request. Gives its frame. */
  add(command: string, { options, onReply }: {
    options: object;
    onReply: Request["onReply"];
  }): string {
    const rid = ++this.#rid;
    this.#open.set(rid, { command, onReply });
    return JSON.stringify({ rid, command, options });
  }

  /** What is not answered yet; `null` if nothing. */
  get unanswered(): string | null {
    for (const [rid, { command }] of this.#open) return `${command} ${rid} is not answered`;
    return null;
  }

  /** Forgets all, as the connection is gone. */
  clear(): void {
    this.#open.clear();
  }

  /** Takes a reply. Gives what does something with it. */
  take(frame: Frame): Request {
    const request = this.#open.get(frame.rid);
    if (!request) throw new Violation(`a second reply, or one to no request: ${frame.rid}`);
    const slug = slugOf(frame);
    if (!slug || !REFUSALS.has(slug)) this.#checkOrder(frame.rid, request);
    this.#open.delete(frame.rid);
    if (slug === "internal") throw new Violation(`${request.command} met a defect`);
    return request;
  }

  /** A barrier is answered after all requests before it, and before all requests after it (REQ5). */
  #checkOrder(answered: number, { command }: Request): void {
    for (const [rid, before] of this.#open) {
      if (rid === answered) return;
      if (BARRIERS.has(command) || BARRIERS.has(before.command)) {
        throw new Violation(`${command} ${answered} was answered before ${before.command} ${rid}`);
      }
    }
  }
}

function slugOf({ payload, status }: Frame): string | undefined {
  if (status !== "error") return undefined;
  return (payload as { error?: { Slug: string }[] } | null)?.error?.[0]?.Slug;
}
