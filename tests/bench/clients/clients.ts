/**
 * A process with clients that count: each asks for an upgrade, sends its requests, and then counts what
 * comes. When the process is asked, it waits until one push has come to all clients, or until nothing
 * comes any more, and says how much came.
 */
import { clientFrame, openQuickSocket } from "../../_support/clients/quick_socket.ts";
import { exactNow } from "../harness/clock.ts";
import { type Counter, FrameCounter, StampCounter, TextCounter } from "./counters.ts";
import { answer, childOptions, say } from "../harness/parent.ts";

/** The options of the process. */
export interface ClientsOptions {
  readonly port: number;
  /** How many clients. */
  readonly clients: number;
  readonly path?: string;
  /** The lines of the head of a client's request; by default those of an upgrade. */
  readonly head?: readonly string[];
  /** The subprotocols that the clients offer. */
  readonly protocol?: string;
  /** The requests of each client, as JSON. `{client}` stands for its number, from 0 on. */
  readonly requests?: readonly unknown[];
  /** Texts to send before the requests, which need not be JSON; with `{client}`, too. */
  readonly texts?: readonly string[];
  /** Whether to send nothing before the upgrade is answered, as some servers want it. Default: false. */
  readonly waitsForUpgrade?: boolean;
  /** The text after which a client is ready; by default the end of the answer to the upgrade. */
  readonly readyAt?: string;
  /** The text to count; by default text frames are counted. */
  readonly counted?: string;
  /** Whether to count `"at":…` instead, and to say how long ago each was, see {@linkcode Received}. */
  readonly isStamped?: boolean;
  /** How many one push brings to all clients together. */
  readonly perPush: number;
  /** Whether all of them send their requests at once, when all are connected. Default: false. */
  readonly sendsAtOnce?: boolean;
}

/** What to wait for; by default one push. */
export interface ClientsQuestion {
  /** Whether to wait until nothing comes any more. */
  readonly untilQuiet?: boolean;
  /** Waits for nothing: from now on, one push brings so many to all clients together. */
  readonly perPush?: number;
}

/** What came since the last question. */
export interface Received {
  readonly count: number;
  /** Bytes on the wire. */
  readonly bytes: number;
  /** When the first came, and when the last of one push came; by {@linkcode exactNow}. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
  /** If messages are stamped: how many milliseconds ago each stamp was when it came. */
  readonly delaysMs: readonly number[];
}

/** Milliseconds to wait for messages that do not come. */
const TIMEOUT_MS = 20_000;
/** Milliseconds of silence after which no more messages are expected. */
const QUIET_MS = 100;
/** Clients that connect at once. */
const CONNECTING = 50;
/** The end of the answer to an upgrade. */
const UPGRADED = "\r\n\r\n";

const options: ClientsOptions = childOptions();
const { port, clients, path, head, protocol, requests = [], waitsForUpgrade = false } = options;
const { readyAt = UPGRADED, counted, isStamped = false } = options;
const { sendsAtOnce = false } = options;
const texts = [...options.texts ?? [], ...requests.map((request) => JSON.stringify(request))];
let { perPush } = options;

let count = 0;
let bytes = 0;
let firstAt: number | null = null;
let lastAt: number | null = null;
let delaysMs: number[] = [];
let arrived: (() => void) | undefined;

function note(found: number): void {
  if (found === 0) return;
  firstAt ??= exactNow();
  count += found;
  if (lastAt !== null || count < perPush) return;
  lastAt = exactNow();
  arrived?.();
}

/** What clients do once all are connected. */
const asking: (() => Promise<void>)[] = [];

async function connect(client: number): Promise<void> {
  const frames = texts.map((text) => clientFrame(text.replaceAll("{client}", String(client))));
  const waits = waitsForUpgrade || sendsAtOnce;
  const { conn, readUntil } = await openQuickSocket({
    port,
    frames: waits ? [] : frames,
    ...path !== undefined && { path },
    ...head !== undefined && { head },
    ...protocol !== undefined && { protocol },
  });
  if (waits) await readUntil(UPGRADED);
  const ask = async () => {
    for (const frame of waits ? frames : []) await conn.write(frame);
    if (!(await readUntil(readyAt)).includes(readyAt)) throw new Error("A client was sent away");
    countAll(conn);
  };
  if (sendsAtOnce) asking.push(ask);
  else await ask();
}

function createCounter(): Counter {
  if (isStamped) return new StampCounter((at) => delaysMs.push(exactNow() - at));
  return counted === undefined ? new FrameCounter() : new TextCounter(counted);
}

async function countAll(conn: Pick<Deno.Conn, "read">): Promise<void> {
  const counter = createCounter();
  const buffer = new Uint8Array(16_384);
  for (let length; (length = await conn.read(buffer)) !== null;) {
    bytes += length;
    note(counter.take(buffer.subarray(0, length)));
  }
}

async function pushed(): Promise<void> {
  if (lastAt !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  arrived = resolve;
  const timer = setTimeout(resolve, TIMEOUT_MS);
  await promise;
  clearTimeout(timer);
}

async function quiet(): Promise<void> {
  for (let before = NaN; before !== bytes;) {
    before = bytes;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}

const startedAt = performance.now();
for (let connected = 0; connected < clients; connected += CONNECTING) {
  const length = Math.min(CONNECTING, clients - connected);
  await Promise.all(Array.from({ length }, (_, i) => connect(connected + i)));
}
await Promise.all(asking.map((ask) => ask()));
say({ clients, tookMs: performance.now() - startedAt });

await answer(async (question: ClientsQuestion): Promise<Received> => {
  if (question.perPush !== undefined) perPush = question.perPush;
  else await (question.untilQuiet ? quiet() : pushed());
  const received = { count, bytes, firstAt, lastAt, delaysMs };
  delaysMs = [];
  count = bytes = 0;
  firstAt = lastAt = null;
  return received;
});
