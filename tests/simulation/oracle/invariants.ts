/** What must hold of the instances, at any time and in the end. */
import type { Instance } from "../world/instance.ts";
import type { World } from "../world/world.ts";
import { Violation } from "./knowledge.ts";

/** Milliseconds by which the service may notice later than the model that a partition is stale or fresh. */
const SLACK_MS = 1500;
/** Milliseconds until an instance has told everybody of records that it set aside (KAF9). */
const RESYNC_MS = 10_000 + SLACK_MS;
/** Milliseconds between two looks at the freshness. */
const WATCH_MS = 250;
/** More than any single frame of a simulation, in bytes. */
const MAX_FRAME = 70_000;

/** Looks at the instances of a world. */
export class Invariants {
  readonly #world: World;
  /** By instance: since when it must be known as degraded, or as live, in milliseconds since 1970. */
  readonly #judged = new Map<Instance, { isStale: boolean; since: number }>();

  constructor(world: World) {
    this.#world = world;
    this.#watch();
  }

  /** @throws {Violation} */
  check(): void {
    const { problem } = this.#world.backend.askings;
    if (problem !== null) throw new Violation(problem);
    this.#world.sweep();
    for (const instance of this.#world.instances) {
      if (!instance.isReady) continue;
      this.#checkBounds(instance);
      this.#checkCounts(instance);
    }
  }

  /** Why not everybody is live and has everything; `null` if they do. */
  unsettled(): string | null {
    const { clients, loop, plan, instances } = this.#world;
    for (const client of clients) {
      const { name, unsettled, knowsVersion1, stream, subscriptions, isOpen } = client;
      if (unsettled !== null) return `${name} is not done: ${unsettled}`;
      if (!knowsVersion1 || !isOpen || subscriptions.size === 0) continue;
      const ageMs = loop.now - (stream?.at ?? 0);
      const periodMs = 1000 * (plan.settings.CURSOR_SECONDS ?? 0);
      if (stream?.status !== "live" || ageMs > periodMs + SLACK_MS) {
        return `${name} was not told that it is live: ${stream?.status}, ${ageMs} ms ago`;
      }
    }
    for (const { service, process } of instances) {
      if (service?.isDegraded) return `${process.name} is degraded`;
    }
    return null;
  }

  /** @throws {Violation} All clients are gone, but not all of what was theirs */
  checkEmpty(): void {
    const { backend, instances } = this.#world;
    expect("requests to backends", backend.pending, 0);
    for (const { process, service } of instances) {
      if (!service) throw new Violation(`${process.name} has not started`);
      const { sessions, connections, reloads, revalidation, slowClients } = service;
      const { keys, users } = sessions.indexSizes();
      const left = {
        sessions: sessions.size,
        connections,
        keys,
        users,
        reloads: reloads.size,
        revalidation: revalidation.size,
        slowClients: slowClients.size,
      };
      for (const [name, size] of Object.entries(left)) expect(`${process.name}: ${name}`, size, 0);
    }
  }

  /** @throws {Violation} All instances have stopped, but something goes on */
  checkEnded(): void {
    for (const { process, hasEnded } of this.#world.instances) {
      if (!hasEnded) throw new Violation(`${process.name} has not stopped`);
      expect(`timers of ${process.name}`, process.timers, 0);
    }
  }

  /** Looks at the freshness all the time: it matters for how long something has been so. */
  #watch(): void {
    for (const instance of this.#world.instances) {
      if (instance.isReady && !instance.hasEnded) this.#checkFreshness(instance);
    }
    this.#world.loop.after(WATCH_MS, () => this.#watch());
  }

  #checkBounds({ service, process, lines }: Instance): void {
    if (!service) return;
    const { RECOVERY_MAX_BYTES = 0, MAX_BUFFERED_BYTES = 0 } = this.#world.plan.settings;
    const { stream, sessions, reloads, revalidation, slowClients } = service;
    const { name } = process;
    expectAtMost(`${name}: bytes of the window`, stream.window.bytes, RECOVERY_MAX_BYTES);
    let open = 0;
    for (const line of lines) {
      if (!line.isTaken) lines.delete(line);
      else open++;
      expectAtMost(`${name}: unsent bytes`, line.unsentBytes, MAX_BUFFERED_BYTES + MAX_FRAME);
    }
    expectAtMost(`${name}: sessions`, sessions.size, open);
    expectAtMost(`${name}: tokens to check`, revalidation.size, sessions.size);
    expectAtMost(`${name}: slow clients`, slowClients.size, open);
    let subscriptions = 0;
    for (const { subscriptionCount } of sessions) subscriptions += subscriptionCount;
    expectAtMost(`${name}: reloads`, reloads.size, 2 * subscriptions + 20);
  }

  /** If an instance has nothing more to read or to ask for, its clients know the right totals. */
  #checkCounts(instance: Instance): void {
    const { clients, log, loop, plan } = this.#world;
    const { service, setAsideAt } = instance;
    // Nobody notices that a record was cut off that nobody has read.
    const mayLose = plan.kinds.some(({ kind }) => kind === "cut" || kind === "replace");
    if (mayLose || !service || service.isDegraded || service.reloads.size > 0) return;
    // The counts are asked for again together with each `resync`.
    if (loop.now - setAsideAt < RESYNC_MS) return;
    const { positions } = service.stream;
    if (log.partitions.some(({ end }, p) => (positions[p] ?? 0) < end)) return;
    for (const { all } of service.sessions) if (all.some(({ isLive }) => !isLive)) return;
    for (const client of clients) {
      if (client.instance !== instance || !client.isOpen || client.line?.unsentBytes !== 0) {
        continue;
      }
      for (const { state, unsettled, target } of client.counts.values()) {
        if (state === "active" && unsettled !== null) {
          throw new Violation(`${client.name}, ${target.key}: ${unsettled}, though all is read`);
        }
      }
    }
  }

  #checkFreshness(instance: Instance): void {
    const { loop, plan } = this.#world;
    const { reader, service, process } = instance;
    const afterMs = 1000 * (plan.settings.DEGRADED_AFTER_SECONDS ?? 0);
    const staleMs = loop.now - Math.min(...reader.freshAt);
    const isStale = staleMs > afterMs + SLACK_MS
      ? true
      : staleMs < afterMs - SLACK_MS
      ? false
      : null;
    const judged = this.#judged.get(instance);
    if (isStale === null) this.#judged.delete(instance);
    else if (judged?.isStale !== isStale) this.#judged.set(instance, { isStale, since: loop.now });
    else if (loop.now - judged.since > SLACK_MS && service?.isDegraded !== isStale) {
      throw new Violation(
        `${process.name} is ${isStale ? "live" : "degraded"}, ${staleMs} ms stale`,
      );
    }
  }
}

function expect(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Violation(`${what}: expected ${expected}, found ${actual}`);
}

function expectAtMost(what: string, actual: number, most: number): void {
  if (actual > most) throw new Violation(`${what}: expected at most ${most}, found ${actual}`);
}
