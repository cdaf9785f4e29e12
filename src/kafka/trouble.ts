/**
 * What keeps the reader from reading, for operators: described, and told once a state (KAF10).
 */
import type { Trouble } from "../log/reader.ts";
import type { Settings } from "../settings/settings.ts";
import { UnreachableError, UnsupportedError } from "./brokers/broker_connection.ts";
import { brokerError, ErrorCode } from "./wire/error_codes.ts";
import { BrokenAnswerError } from "./wire/wire_reader.ts";

/** A broker has answered with an error. */
export class RefusedError extends Error {
  override name = "RefusedError";

  /** @param subject What could not be had, such as `the metadata of topic wss` */
  constructor(readonly code: number, readonly subject: string) {
    const { name, text } = brokerError(code);
    super(`${text} (${name})`);
  }
}

/** Describes why the topic can't be read. */
export function troubleOf(
  error: unknown,
  { KAFKA_TOPIC: topic, KAFKA_BROKERS: brokers }: Pick<Settings, "KAFKA_TOPIC" | "KAFKA_BROKERS">,
): Trouble {
  if (error instanceof RefusedError) return refusal(error, topic);
  const reason = error instanceof Error ? error.message : String(error);
  const address = error instanceof UnreachableError ? error.address : brokers.join(", ");
  const text = `Cannot read from Kafka at ${address}: ${reason}`;
  if (error instanceof UnreachableError) return { kind: "unreachable", text };
  if (error instanceof UnsupportedError) return { kind: "unsupported", text };
  if (error instanceof BrokenAnswerError) return { kind: "broken_answer", text };
  if (error instanceof Error && error.name === "KafkaJSSASLAuthenticationError") {
    return { kind: "authentication", text };
  }
  // An error of kafkajs, such as a refusal before the first request.
  if (error instanceof Error && error.name.startsWith("KafkaJS")) return { kind: "refused", text };
  return { kind: "defect", text };
}

function refusal({ code, subject, message }: RefusedError, topic: string): Trouble {
  switch (code) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.INCONSISTENT_TOPIC_ID:
      return {
        kind: "missing_topic",
        text: `The topic "${topic}" does not exist and the brokers do not create it: create it`,
      };
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
      return {
        kind: "unauthorized",
        text: `Not authorized to read topic ${topic}: allow READ and DESCRIBE of it`,
      };
    case ErrorCode.LEADER_NOT_AVAILABLE:
    case ErrorCode.NOT_LEADER:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.UNKNOWN_LEADER_EPOCH:
      return { kind: "no_leader", text: `Cannot get ${subject}: ${message}` };
    default:
      return { kind: "refused", text: `Cannot get ${subject}: ${message}` };
  }
}

/**
 * The troubles of the reader's parts. One of them is shown, the oldest, until it has passed; then the
 * next one is.
 */
export class Troubles {
  readonly #onChange: (trouble: Trouble | null) => void;
  readonly #current = new Map<string, { readonly trouble: Trouble; readonly since: number }>();
  /** The parts whose trouble is shown, the oldest first. */
  readonly #showing = new Set<string>();
  /** The part whose trouble is told, and its kind. */
  #told: { readonly source: string; readonly kind: string } | undefined;

  /** @param onChange Called with the trouble that is shown; with `null` if there is none any more */
  constructor(onChange: (trouble: Trouble | null) => void) {
    this.#onChange = onChange;
  }

  /** Whether there is trouble, also if it is not shown yet. */
  get isAny(): boolean {
    return this.#current.size > 0;
  }

  /** Whether the trouble of a part is shown, or would be if an older one were not. */
  isShown(source: string): boolean {
    return this.#showing.has(source);
  }

  /**
   * Notes trouble. The part that has it repeats it at each try.
   *
   * @param source The part, such as `broker 1`
   * @param options.graceMs Milliseconds for which it is not shown, as it may pass; 0 by default
   */
  tell(source: string, trouble: Trouble, { graceMs = 0 }: { graceMs?: number } = {}): void {
    const now = Date.now();
    const since = this.#current.get(source)?.since ?? now;
    this.#current.set(source, { trouble, since });
    if (now - since >= graceMs) this.#showing.add(source);
    this.#show();
  }

  /** Notes that a part has no trouble any more. */
  clear(source: string): void {
    if (!this.#current.delete(source)) return;
    this.#showing.delete(source);
    this.#show();
  }

  /** Forgets the troubles of parts that are gone. */
  retain(isThere: (source: string) => boolean): void {
    for (const source of [...this.#current.keys()]) {
      if (!isThere(source)) this.clear(source);
    }
  }

  #show(): void {
    const [source] = this.#showing;
    const trouble = source === undefined ? null : this.#current.get(source)?.trouble ?? null;
    // In other words, it is the same trouble as long as the same part has it.
    if (this.#told?.source === source && this.#told?.kind === trouble?.kind) return;
    this.#told = source !== undefined && trouble ? { source, kind: trouble.kind } : undefined;
    this.#onChange(trouble);
  }
}
