/**
 * The error codes of Kafka's answers, with kafkajs's names and texts, and those that it lacks.
 */
import errorModule from "kafkajs/src/protocol/error.js";

/** An error that a broker answers. */
export interface BrokerError {
  readonly code: number;
  /** Kafka's name of it, such as `UNKNOWN_TOPIC_ID`. */
  readonly name: string;
  /** What it means, without a period. */
  readonly text: string;
}

/** The codes after which something special is done. */
export const ErrorCode = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER: 6,
  TOPIC_AUTHORIZATION_FAILED: 29,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  UNKNOWN_TOPIC_ID: 100,
  INCONSISTENT_TOPIC_ID: 103,
} as const;

/** Codes that are newer than kafkajs's table, and can be answers to requests of this folder. */
const NEWER: readonly BrokerError[] = [
  { code: 89, name: "THROTTLING_QUOTA_EXCEEDED", text: "The throttling quota has been exceeded" },
  { code: 100, name: "UNKNOWN_TOPIC_ID", text: "This server does not host this topic ID" },
  {
    code: 103,
    name: "INCONSISTENT_TOPIC_ID",
    text: "The topic ID in the request is not that of the topic in the log",
  },
  {
    code: 106,
    name: "FETCH_SESSION_TOPIC_ID_ERROR",
    text: "The fetch session has encountered an inconsistent topic ID",
  },
  {
    code: 109,
    name: "OFFSET_MOVED_TO_TIERED_STORAGE",
    text: "The requested offset has been moved to tiered storage",
  },
];

// The package has no types for it. This is the part that is used.
const { errorCodes }: {
  errorCodes: readonly { code: number; type: string; message: string }[];
} = errorModule;

const table = new Map(
  [...errorCodes.map(({ code, type, message }) => ({ code, name: type, text: message })), ...NEWER]
    .map((error) => [error.code, error] as const),
);

/** Describes a code. A code that no table has gets a name and a text as well. */
export function brokerError(code: number): BrokerError {
  return table.get(code) ?? {
    code,
    name: `UNKNOWN_CODE_${code}`,
    text: `The broker answered with the unknown error code ${code}`,
  };
}

/** The code of an error that kafkajs throws; `undefined` if it comes from no broker's answer. */
export function kafkajsErrorCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, cause } = error as Error & { code?: unknown };
  // When it gives up, it wraps the error of the last try.
  return typeof code === "number" ? code : kafkajsErrorCode(cause);
}
