/**
 * Everything around the service in one simulation: the log, the backend, two instances and the clients.
 * `actions.ts` lets things happen in it.
 */
import { CursorCodec } from "../../../src/log/cursor.ts";
import { testSettings } from "../../_support/service/settings.ts";
import { Client } from "../client/client.ts";
import { totalOf } from "../client/count.ts";
import { Violation } from "../oracle/knowledge.ts";
import { Targets } from "../oracle/targets.ts";
import { enter, realTurn } from "../platform/install.ts";
import { Loop } from "../platform/loop.ts";
import { Random } from "../platform/random.ts";
import { Trace } from "../platform/trace.ts";
import { ORIGIN, SimulatedBackend } from "./backend.ts";
import { Instance } from "./instance.ts";
import { Log } from "./log.ts";
import type { Plan } from "./plan.ts";
import type { Told } from "./reader.ts";

/** The world. */
export class World {
  readonly plan: Plan;
  readonly random: Random;
  readonly loop: Loop;
  readonly trace: Trace;
  readonly targets = new Targets();
  readonly log: Log;
  readonly backend: SimulatedBackend;
  readonly clients: Client[] = [];
  /** The instances that run or drain. */
  instances: Instance[] = [];
  /** What went wrong in the service, first. */
  failure: unknown;
  #started = 0;

  constructor(plan: Plan, { seed, keepsLines }: { seed: number; keepsLines: boolean }) {
    this.plan = plan;
    const random = this.random = new Random(seed);
    const loop = this.loop = new Loop({ turn: realTurn, random });
    const trace = this.trace = new Trace({ keepsLines });
    random.now = () => loop.now;
    trace.now = () => loop.elapsed;
    const log = this.log = new Log({
      partitions: plan.partitions,
      targets: this.targets,
      now: () => loop.now,
    });
    log.onWrite = (partition) => {
      for (const { reader } of this.instances) reader.onWrite(partition);
    };
    const backend = this.backend = new SimulatedBackend({
      loop,
      random,
      trace,
      written: () => log.g,
      total: (user, types) => totalOf(this.targets.ofUser(user, types)),
      publishMark: (user) => {
        const to = { by: "user", user, type: "a" } as const;
        log.write(log.g % log.partitions.length, { does: "update", to, pad: 0 });
      },
      sharesTokens: plan.sharesTokens,
      answerMs: plan.answerMs,
    });
    enter({
      loop,
      random,
      network: {
        fetch: (url, init) => backend.fetch(url, init),
        serve: (handler) => this.#running().serve(handler),
        upgrade: (request) => {
          const upgraded = this.#running().upgrade(request);
          if (!upgraded) throw new TypeError("No upgrade");
          return upgraded;
        },
      },
    });
    for (let i = 0; i < 2; i++) this.start();
    const codec = new CursorCodec({ name: testSettings(ORIGIN).KAFKA_TOPIC, id: null });
    for (const [i, init] of plan.clients.entries()) {
      const world = {
        ...plan,
        now: () => loop.now,
        decode: (cursor: string) => codec.decode(cursor),
      };
      const options = { log, backend, loop, random, trace, world };
      const pickInstance = (not: Instance | null) => this.#pick(not);
      const client = new Client({ ...init, name: `c${i}` }, { ...options, pickInstance });
      this.clients.push(client);
      client.want(this.targets.ofUser(init.user, i % 3 === 1 && i >= plan.listeners ? ["a"] : []));
      loop.after(500 + 500 * random.roll("first connect"), () => client.connect());
    }
  }

  /** Starts one more instance. */
  start(): void {
    const { log, loop, random, trace } = this;
    const settings = testSettings(ORIGIN, this.plan.settings);
    const onTold = (instance: Instance, told: Told) => this.#told(instance, told);
    const name = `i${++this.#started}`;
    this.instances.push(new Instance(name, { settings, log, loop, random, trace, onTold }));
    trace.note(`${name} starts`);
  }

  /** Ends all faults. */
  heal(): void {
    const { log, backend } = this;
    backend.heal();
    for (const { reader } of this.instances) reader.heal();
    for (const { line } of this.clients) line?.heal();
    for (const [p, partition] of log.partitions.entries()) {
      partition.openFrom = null;
      log.onWrite(p);
    }
  }

  /** Writes an update for everybody to every partition. */
  writeToAll(): void {
    const targets = [...this.targets.all].filter(({ event }) => event !== null);
    for (const p of this.log.partitions.keys()) {
      for (let n = 0; n < 8; n++) {
        this.log.write(p, { does: "update", to: { by: "ids", targets }, pad: 0 });
      }
    }
  }

  /** Forgets the instances that have ended. */
  sweep(): void {
    this.instances = this.instances.filter(({ hasEnded }) => !hasEnded);
  }

  /**
   * Goes on for a time.
   *
   * @param options.maxSteps Stops after so many steps
   */
  async run(ms: number, { maxSteps = Infinity }: { maxSteps?: number } = {}): Promise<void> {
    const { loop, trace } = this;
    const until = loop.now + ms;
    while (trace.steps < maxSteps && await loop.step(until)) {
      trace.counts.timer = loop.fired;
      if (this.failure) throw this.failure;
    }
  }

  #told(instance: Instance, told: Told): void {
    for (const client of this.clients) {
      if (client.instance !== instance) continue;
      if (told.news === "logout") client.loggedOut(told.user);
      else client.owe(this.log.g, told.news === "set aside" ? told : null);
    }
  }

  #pick(not: Instance | null): Instance | null {
    const ready = this.instances.filter(({ isReady, isRunning }) => isReady && isRunning);
    const others = ready.filter((instance) => instance !== not);
    const from = others.length > 0 && this.random.chance(0.7, "other instance") ? others : ready;
    return from[Math.floor(from.length * this.random.roll("instance"))] ?? null;
  }

  #running(): Instance {
    const { process } = this.loop;
    const instance = this.instances.find((instance) => instance.process === process);
    if (!instance) throw new Violation("the service does something outside of its process");
    return instance;
  }
}
