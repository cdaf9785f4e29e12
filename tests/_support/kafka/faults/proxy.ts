/**
 * A proxy in front of the brokers of a cluster that understands what goes through it, and can make one
 * kind of request fail: for a client, the brokers have faults that real ones have rarely.
 */
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { type Answer, type Api, APIS, findFields, type Found, type Place } from "./answers.ts";
import { changeAnswer, garble } from "./changes.ts";
import { ERROR_CODES, type ErrorName } from "./error_codes.ts";
import { Line } from "./line.ts";

/** What becomes of the requests of one kind. */
export type Fault =
  & { readonly api: Api }
  & (
    | { readonly does: "answer an error"; readonly error: ErrorName; readonly place: Place }
    | {
      /**
       * Close the connection in place of an answer; never answer anything on it again; send half of
       * the answer, and close; answer random bytes with the right size and correlation id; answer as a
       * web server; tell the client to wait for 24 days before its next request.
       */
      readonly does: "close" | "stall" | "break off" | "answer garbage" | "speak HTTP" | "throttle";
    }
    | { readonly does: "answer slowly"; readonly bytesPerSecond: number }
  );

/** A fault that happens. */
export interface Happening {
  /** How many requests it has hit. */
  readonly hits: number;
  /** Resolves when it has hit a request. */
  readonly hit: Promise<void>;
  end(): void;
}

export interface FaultProxyOptions {
  /** As in KAFKA_BROKERS: addresses on 127.0.0.1, as the brokers advertise them. */
  readonly brokers: readonly string[];
  /** The newest versions of requests that the brokers seem to know. */
  readonly newest?: Partial<Record<Api, number>>;
  /** For garbage. */
  readonly random: RandomGenerator;
}

/** Only the API of a request that the proxy knows has a name. */
const NAMES = new Map<number, Api>(
  Object.entries(APIS).map(([api, { key }]) => [key, api as Api]),
);

const HTTP_ANSWER = new TextEncoder().encode(
  "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
);

export type FaultProxy = ReturnType<typeof startFaultProxy>;

/** Starts a proxy with one port for each broker. */
export function startFaultProxy({ brokers, newest = {}, random }: FaultProxyOptions) {
  const lines = new Set<Line>();
  const requests = new Map<Api, number>();
  const defects: string[] = [];
  const listeners = brokers.map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const targets = brokers.map((address) => Number(address.split(":")[1]));
  const ports = new Map(targets.map((port, i) => [port, listeners[i]?.addr.port ?? 0]));
  const capped = new Map(
    Object.entries(newest).map(([api, version]) => [
      APIS[api as Api].key as number,
      version,
    ]),
  );
  let fault: Fault | undefined;
  let happening: { hits: number; once: boolean; onHit: () => void } | undefined;

  function hit(): void {
    if (!happening) return;
    happening.hits++;
    happening.onHit();
    if (happening.once) fault = undefined;
  }

  /** Passes a request on, unless it is closed or stalled in place of an answer. */
  async function onRequest(line: Line, frame: Uint8Array): Promise<void> {
    if (line.isStalled) return;
    const view = new DataView(frame.buffer, frame.byteOffset);
    const key = frame.length < 12 ? NaN : view.getInt16(4);
    const version = frame.length < 12 ? NaN : view.getInt16(6);
    const api = NAMES.get(key);
    if (!api || version > APIS[api].newest) {
      defects.push(
        `A request of API ${key}, version ${version}, came, which the proxy does not know`,
      );
    } else {
      requests.set(api, (requests.get(api) ?? 0) + 1);
      if (fault?.api === api && fault.does === "close") {
        hit();
        return line.close();
      }
      if (fault?.api === api && fault.does === "stall") {
        line.isStalled = true;
        return hit();
      }
      line.asked.set(view.getInt32(8), { api, version });
    }
    await line.toServer(frame);
  }

  function fieldsOf(answer: Answer): Found {
    try {
      return findFields(answer);
    } catch (error) {
      defects.push(`Cannot read ${answer.api} ${answer.version}: ${error}`);
      throw error;
    }
  }

  async function onAnswer(line: Line, frame: Uint8Array): Promise<void> {
    if (line.isStalled) return;
    const correlationId = frame.length < 8 ? -1 : new DataView(frame.buffer).getInt32(4);
    const asked = line.asked.get(correlationId);
    if (!asked) return await line.toClient(frame);
    line.asked.delete(correlationId);
    const found = fieldsOf({ ...asked, frame });
    changeAnswer(frame, { found, ports, newest: capped });
    if (fault?.api !== asked.api) return await line.toClient(frame);
    switch (fault.does) {
      case "answer an error": {
        const places = found.errors[fault.place];
        for (const at of places) new DataView(frame.buffer).setInt16(at, ERROR_CODES[fault.error]);
        if (places.length > 0) hit();
        return await line.toClient(frame);
      }
      case "throttle":
        for (const at of found.throttles) new DataView(frame.buffer).setInt32(at, 2 ** 31 - 1);
        if (found.throttles.length > 0) hit();
        return await line.toClient(frame);
      case "break off":
        hit();
        await line.toClient(frame.subarray(0, Math.ceil(frame.length / 2)));
        return line.close();
      case "answer slowly":
        hit();
        return await line.toClientSlowly(frame, fault.bytesPerSecond);
      case "answer garbage":
        hit();
        return await line.toClient(garble(frame, random));
      case "speak HTTP":
        hit();
        await line.toClient(HTTP_ANSWER);
        return line.close();
      default:
        return await line.toClient(frame);
    }
  }

  async function accept(listener: Deno.TcpListener, target: number): Promise<void> {
    for await (const client of listener) {
      Line.connect(client, { port: target, onRequest, onAnswer, open: lines });
    }
  }
  const accepting = listeners.map((listener, i) => accept(listener, targets[i] ?? 0));

  return {
    /** As in KAFKA_BROKERS: those of the proxy. */
    addresses: listeners.map(({ addr }) => `127.0.0.1:${addr.port}`),
    /** How many connections are open. */
    get openCount(): number {
      return lines.size;
    },
    /** How many requests of each API have come. */
    requests: requests as ReadonlyMap<Api, number>,
    /** Requests and answers that the proxy does not know: no fault can happen to them. */
    defects: defects as readonly string[],
    /** Lets a fault happen: to the next request, or to all until its end. One at a time. */
    begin(begun: Fault, { once = false }: { once?: boolean } = {}): Happening {
      const { promise, resolve } = Promise.withResolvers<void>();
      const begins = happening = { hits: 0, once, onHit: resolve };
      fault = begun;
      return {
        get hits() {
          return begins.hits;
        },
        hit: promise,
        end() {
          fault = undefined;
        },
      };
    },
    /** Ends all connections, so that clients connect again. */
    cut() {
      for (const line of [...lines]) line.close();
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) listener.close();
      await Promise.all(accepting);
      for (const line of [...lines]) line.close();
    },
  };
}
