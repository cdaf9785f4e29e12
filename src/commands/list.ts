/**
 * What the commands have in common that answer a list and subscribe to what comes after it.
 */
import type { ListRequest } from "../backend.ts";
import type { Reply } from "../protocol.ts";
import type { Target } from "../subscription_id.ts";
import type { CommandContext } from "./define.ts";

/**
 * Subscribes, and only then asks for the list, so that there is no gap between the two (DEL2).
 *
 * @param list What to ask for now
 * @param reload What a reload asks for later: the same, less what pages
 */
export function listAndSubscribe(
  { session, backend, signal }: CommandContext,
  { target, list, reload }: { target: Target; list: ListRequest; reload: ListRequest },
): Promise<Reply> {
  return session.inTurn(target.id, async () => {
    const existing = session.subscription(target.id);
    const subscription = existing ?? session.subscribe(target, reload);
    const hold = subscription.hold();
    const undo = () => {
      if (existing) hold.release();
      else session.unsubscribe([target.id]);
    };
    try {
      const { status, payload } = await backend.get(list, { token: session.token, signal });
      if (status !== "ok") {
        undo();
        return { status, payload };
      }
      subscription.list = reload;
      return { status, payload, event: target.id, sent: () => hold.release() };
    } catch (error) {
      undo();
      throw error;
    }
  });
}
