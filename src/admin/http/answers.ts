/**
 * Answers that may be long. They are made while the peer takes them, so that they take little memory, and
 * in time slices, so that they hold up nothing else.
 */
import { getLogger } from "@logtape/logtape";
import { addressKey } from "../../http/address.ts";
import { FRAME_COST, TimeSlice } from "../../util/time_slice.ts";
import { Refusal } from "./requests.ts";

const logger = getLogger(["wss", "admin"]);

/** A chunk is handed to the platform when it has this many characters. */
const CHUNK_LENGTH = 16 * 1024;
/** The most answers that are under way at once. */
const MAX_ANSWERS = 16;
/** The most of them for one address. */
const MAX_OF_ADDRESS = 4;
/** Milliseconds within which a peer must have taken an answer. */
const ANSWER_MS = 30_000;

/** Makes answers from pieces of text. */
export class Answers {
  readonly #slice = new TimeSlice({ pauses: true });
  /** The addresses of the answers that are under way, one for each answer. */
  readonly #underWay: string[] = [];

  /**
   * Answers with a text. An empty piece is a rest: nothing is written, and other work may go on.
   *
   * @param options.address The address of the peer
   * @throws {Refusal} Too many answers are under way, in all or for the address
   * @throws What the pieces throw before the first chunk is complete
   */
  async answer(
    pieces: Iterable<string> | AsyncIterable<string>,
    { contentType, address }: { contentType: string; address: string },
  ): Promise<Response> {
    const key = addressKey(address);
    const ofAddress = this.#underWay.filter((other) => other === key).length;
    if (this.#underWay.length >= MAX_ANSWERS || ofAddress >= MAX_OF_ADDRESS) {
      const message = "Too many answers are under way: try again later";
      throw new Refusal(503, message, { counted: "busy" });
    }
    this.#underWay.push(key);
    const onEnd = () => this.#underWay.splice(this.#underWay.indexOf(key), 1);
    const headers = { "content-type": contentType, "cache-control": "no-store" };
    const text = new ChunkedText(pieces, this.#slice);
    try {
      const first = await text.next();
      if (text.isDone) {
        onEnd();
        return new Response(first, { headers });
      }
      return new Response(streamOf(text, { first, onEnd }), { headers });
    } catch (error) {
      onEnd();
      throw error;
    }
  }
}

/** Puts pieces together to chunks. */
class ChunkedText {
  readonly #iterator: Iterator<string> | AsyncIterator<string>;
  readonly #slice: TimeSlice;
  isDone = false;

  constructor(pieces: Iterable<string> | AsyncIterable<string>, slice: TimeSlice) {
    this.#iterator = Symbol.iterator in pieces
      ? pieces[Symbol.iterator]()
      : pieces[Symbol.asyncIterator]();
    this.#slice = slice;
  }

  /** Ends the pieces, whether or not all were asked for. */
  async end(): Promise<void> {
    try {
      await this.#iterator.return?.();
    } catch (error) {
      logger.error("Cannot end an answer on the admin port: {error}", { error });
    }
  }

  /** The next chunk; `""` at the end. */
  async next(): Promise<string> {
    let chunk = "";
    while (chunk.length < CHUNK_LENGTH) {
      await this.#slice.spend(FRAME_COST);
      const { done, value } = await this.#iterator.next();
      if (done) {
        this.isDone = true;
        break;
      }
      chunk += value;
    }
    return chunk;
  }
}

/** A stream of chunks, each made when the peer has taken the one before. */
function streamOf(
  text: ChunkedText,
  { first, onEnd }: { first: string; onEnd: () => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setTimeout> | undefined;
  function end(): Promise<void> | undefined {
    if (timer === undefined) return undefined;
    clearTimeout(timer);
    timer = undefined;
    onEnd();
    return text.end();
  }
  return new ReadableStream({
    start(controller) {
      timer = setTimeout(() => {
        end();
        controller.error(new Error(`The answer was not taken within ${ANSWER_MS} ms`));
      }, ANSWER_MS);
      controller.enqueue(encoder.encode(first));
    },
    async pull(controller) {
      try {
        const chunk = await text.next();
        if (timer === undefined) return;
        if (chunk) controller.enqueue(encoder.encode(chunk));
        if (!text.isDone) return;
        end();
        controller.close();
      } catch (error) {
        logger.error("Cannot complete an answer on the admin port: {error}", { error });
        end();
        controller.error(error);
      }
    },
    cancel: end,
  });
}
