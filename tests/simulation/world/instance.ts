/** One instance of the service, as a process of the simulation. */
import { type Service, startService } from "../../../src/service.ts";
import type { Settings } from "../../../src/settings/settings.ts";
import { createProcess, type Loop, type Process } from "../platform/loop.ts";
import type { Random } from "../platform/random.ts";
import type { Trace } from "../platform/trace.ts";
import { Line, type LineClient } from "./line.ts";
import type { Log } from "./log.ts";
import { SimulatedReader, type Told } from "./reader.ts";

/** What all instances need. */
export interface InstanceOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly loop: Loop;
  readonly random: Random;
  readonly trace: Trace;
  readonly onTold: (instance: Instance, told: Told) => void;
}

/** How a client connects. */
export interface Dial {
  readonly endpoint: "/web" | "/mobile";
  readonly protocols: readonly string[];
  /** The token of the header. */
  readonly token: string | null;
}

/** An instance. */
export class Instance {
  readonly process: Process;
  readonly reader: SimulatedReader;
  readonly lines = new Set<Line>();
  /** When it last set records aside, in milliseconds since 1970. */
  setAsideAt = -Infinity;
  readonly #options: InstanceOptions;
  #service: Service | undefined;
  #handler: Deno.ServeHandler<Deno.NetAddr> | undefined;
  /** The lines of upgrades under way. */
  readonly #dialled = new WeakMap<Request, Line>();
  #state: "running" | "draining" | "ended" = "running";

  constructor(name: string, options: InstanceOptions) {
    this.#options = options;
    this.process = createProcess(name);
    this.reader = new SimulatedReader({
      ...options,
      process: this.process,
      onTold: (told) => {
        if (told.news === "set aside") this.setAsideAt = options.loop.now;
        options.onTold(this, told);
      },
    });
    // The service starts in a task of its process.
    options.loop.after(0, () => {
      this.#service = startService(options.settings, this.reader);
    }, this.process);
  }

  get service(): Service | undefined {
    return this.#service;
  }

  get isReady(): boolean {
    return this.#service?.isReady === true;
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Called when its service listens. */
  serve(handler: Deno.ServeHandler<Deno.NetAddr>): Deno.HttpServer<Deno.NetAddr> {
    this.#handler = handler;
    const server = {
      addr: { transport: "tcp", hostname: "127.0.0.1", port: 3110 },
      finished: new Promise<void>(() => {}),
      shutdown: () => Promise.resolve(),
      ref() {},
      unref() {},
    };
    return server as unknown as Deno.HttpServer<Deno.NetAddr>;
  }

  /** Takes the request of an upgrade under way. */
  upgrade(request: Request): Deno.WebSocketUpgrade | undefined {
    const line = this.#dialled.get(request);
    if (!line) return undefined;
    return {
      socket: line.socket,
      response: { status: 101, headers: new Headers() } as Response,
    };
  }

  /** A client connects. */
  connect(client: LineClient, { endpoint, protocols, token }: Dial): Line {
    const { loop, random } = this.#options;
    const line = new Line(client, { loop, random, process: this.process });
    // From now on: the process may die before it takes the request.
    this.lines.add(line);
    const dial = { endpoint, protocols, token };
    loop.after(
      3 * random.roll("dial"),
      () => void this.#answer(line, { ...dial, client }),
      this.process,
    );
    return line;
  }

  /** Begins to drain (LIFE4). */
  async drain(): Promise<void> {
    if (this.#state !== "running" || !this.#service) return;
    this.#state = "draining";
    await this.#service.stop();
    this.#state = "ended";
  }

  /** Ends at once, as if it was killed. */
  kill(): void {
    this.#state = "ended";
    this.process.isDead = true;
    for (const line of this.lines) line.die();
    this.lines.clear();
  }

  async #answer(
    line: Line,
    { endpoint, protocols, token, client }: Dial & { client: LineClient },
  ): Promise<void> {
    if (!this.#handler || this.#state === "ended") {
      this.lines.delete(line);
      return void client.closed(null);
    }
    const headers = new Headers({ upgrade: "websocket" });
    if (protocols.length > 0) headers.set("sec-websocket-protocol", protocols.join(", "));
    if (token !== null) headers.set("authorization", token);
    const request = new Request(`http://wss.test${endpoint}`, { headers });
    this.#dialled.set(request, line);
    const remoteAddr = { transport: "tcp", hostname: "10.0.0.1", port: 1 } as const;
    const info = { remoteAddr, completed: new Promise<void>(() => {}) };
    const response = await this.#handler(request, info);
    if (response.status === 101) return line.open();
    this.lines.delete(line);
    this.#options.loop.after(1, () => client.closed(null));
  }
}
