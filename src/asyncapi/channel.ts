/**
 * Channels and their operations, which refer to messages by name.
 */
import { ref } from "../util/json_schema.ts";

/** What the document says of an operation. */
export interface OperationInfo {
  /** `receive` if wss receives the message, `send` if wss sends it. */
  readonly action: "receive" | "send";
  readonly summary: string;
  readonly message: string;
  /** Messages that may answer it. */
  readonly replies?: readonly string[];
}

/** Makes the Channel Object with these messages. */
export function toChannel<T>(channel: T, messages: readonly string[]) {
  return {
    ...channel,
    messages: Object.fromEntries(
      messages.map((name) => [name, ref("components", "messages", name)]),
    ),
  };
}

/** Makes the Operation Object of an operation of a channel. */
export function toOperation(channel: string, { action, summary, message, replies }: OperationInfo) {
  const through = (names: readonly string[]) => ({
    channel: ref("channels", channel),
    messages: names.map((name) => ref("channels", channel, "messages", name)),
  });
  return { action, summary, ...through([message]), ...(replies && { reply: through(replies) }) };
}
