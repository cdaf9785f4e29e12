/**
 * What became of one message, for each of its recipients, and why other sessions did not get it.
 */
import type { Entry } from "../log/window.ts";
import type { Recipient, Step } from "../observe/deliveries.ts";
import type { DeliveryTrace } from "../observe/delivery_trace.ts";
import { recordId } from "../protocol/frames.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Histories, History } from "./histories.ts";
import type { Pieces } from "./http/pieces.ts";
import {
  briefAddressees,
  type MessageReport,
  resultOf,
  shorten,
  time,
  whyNot,
} from "./why_text.ts";

/** The most recipients in the report of one message, and the most other sessions. */
const MAX_SESSIONS = 100;

/** What {@linkcode MessageReports} are made from. */
export interface MessageReportsOptions {
  readonly trace: Pick<DeliveryTrace, "recipientsOf" | "isForgotten" | "isFilled">;
  readonly sessions: Pick<Sessions, "get">;
  readonly histories: Histories;
}

/** Makes a {@linkcode MessageReport} of each message. */
export class MessageReports {
  readonly #options: MessageReportsOptions;

  constructor(options: MessageReportsOptions) {
    this.#options = options;
  }

  /**
   * Reports about a message.
   *
   * @param options.histories The sessions of the user, if the question is about a user
   * @param options.isWanted Selects the recipients for the report; by default all of them
   */
  *of(
    entry: Entry,
    { histories = [], isWanted = () => true }: {
      histories?: readonly History[];
      isWanted?: (recipient: Recipient) => boolean;
    },
  ): Pieces<MessageReport> {
    const { trace } = this.#options;
    const { delivery: { to, does }, timestamp, readAt } = entry;
    const isForgotten = trace.isForgotten(entry);
    const readAtStart = trace.isFilled(entry);
    const others = new Set(histories.map(({ id }) => id));
    const finding = trace.recipientsOf(entry, (recipient) => {
      if (!isWanted(recipient)) return false;
      others.delete(recipient.session);
      return true;
    }, { limit: MAX_SESSIONS });
    let found = finding.next();
    for (; !found.done; found = finding.next()) yield "";
    const { count, steps } = found.value;
    return {
      id: recordId(entry),
      to: briefAddressees(to),
      does,
      publishedAt: time(timestamp),
      readAt: time(readAt),
      readAtStart,
      isForgotten,
      recipientCount: count,
      recipients: steps.map((own) => this.#recipient(own)),
      others: isForgotten || readAtStart ? [] : histories
        .filter(({ id }) => others.has(id))
        .slice(-MAX_SESSIONS)
        .map((history) => ({ session: history.id, why: whyNot(history, entry) })),
    };
  }

  /** Reports about one recipient. The message has at least one step for it. */
  #recipient(steps: readonly Step[]): MessageReport["recipients"][number] {
    const { sessions, histories } = this.#options;
    const last = steps[steps.length - 1] as Step;
    const { session, subscription } = last;
    return {
      session,
      user: shorten(histories.userAt(session, last.at)),
      subscription,
      result: resultOf(last, {
        later: histories.pastOf(session).filter(({ to }) => to >= last.at),
        isConnected: sessions.get(session) !== undefined,
      }),
      steps: steps.map(({ what, at }) => ({ what, at: time(at) })),
    };
  }
}
