/** Lets the things of a schedule happen in a world. */
import type { Client } from "../client/client.ts";
import { mix } from "../platform/random.ts";
import type { Addressee, Target } from "../oracle/targets.ts";
import type { Action } from "./plan.ts";
import type { World } from "./world.ts";

/** Types of notifications. */
const TYPES = ["a", "b", "c"];
const TYPE_LISTS = [[], ["a"], ["b"], ["a", "b"]];
/** Values that are no message. */
const NONSENSE = [
  null,
  "",
  "{",
  "[]",
  '{"type":"logout"}',
  '{"type":"notification","document":{}}',
];
/** How long a fault lasts at most, in milliseconds. */
const FAULT_MS = 9000;
/** The most partitions of the topic. */
const MAX_PARTITIONS = 6;

/** Does one action. */
export function act(world: World, { kind, a, b }: Action): void {
  const { log, random, trace, plan } = world;
  trace.step("action", `* ${kind} ${a} ${b}`);
  const active = world.clients.slice(plan.listeners);
  const client = active[a % active.length] as Client;
  const instance = world.instances[a % world.instances.length];
  const partition = a % log.partitions.length;
  const stored = log.partitions[partition]?.stored ?? [];
  const faultMs = 100 + b % FAULT_MS;
  switch (kind) {
    case "publish":
      log.write(partition, { does: "update", to: addressee(world, b), pad: b % 11 ** 2 });
      return;
    case "burst":
      for (let n = 0; n < 5 + b % 60; n++) {
        const to = addressee(world, mix(b, n >> 4));
        log.write((a + n) % log.partitions.length, { does: "update", to, pad: 200 });
      }
      return;
    case "reload":
      for (let n = 0; n <= b % 3; n++) {
        const to = addressee(world, mix(b, 1));
        if (to.by !== "user") log.write(partition, { does: "reload", to, pad: 0 });
      }
      return;
    case "nonsense":
      log.write(partition, { does: "nothing", value: NONSENSE[b % NONSENSE.length] ?? null });
      return;
    case "logout":
      log.write(partition, { does: "logout", user: userOf(world, b) });
      return;
    case "marker":
      log.write(partition, { does: "marker" });
      return;
    case "undecodable":
      log.write(partition, { does: "undecodable", count: 1 + b % 5 });
      return;
    case "transaction": {
      const into = log.partitions[partition];
      if (!into || into.openFrom !== null) return;
      into.openFrom = into.end;
      world.loop.after(faultMs, () => {
        into.openFrom = null;
        log.onWrite(log.partitions.indexOf(into));
      });
      return;
    }
    case "stall":
      return instance?.reader.stall(b % log.partitions.length, faultMs);
    case "mute":
      return instance?.reader.mute(faultMs);
    case "retain":
      return log.retain(partition, stored.at(-1 - b % Math.max(1, stored.length))?.offset ?? 0);
    case "cut":
      return log.cut(partition, stored.at(-1 - b % Math.min(8, stored.length || 1))?.offset ?? 0);
    case "replace":
      log.replace(1 + b % MAX_PARTITIONS);
      // What is restored from elsewhere has its old times.
      for (let n = 0; n < (b >>> 8) % 12; n++) {
        const to = addressee(world, mix(b, n));
        log.write(n % log.partitions.length, { does: "update", to, pad: 0 }, { ageMs: 60_000 });
      }
      return;
    case "addPartition":
      if (log.partitions.length < MAX_PARTITIONS) log.addPartition();
      return;
    case "list": {
      const target = targetFor(world, client, b);
      const back = b % 7 === 0 ? Infinity : b % 5 === 0 ? b % 4 : 0;
      return target ? client.list(target, { limit: b % 3, back }) : undefined;
    }
    case "unsubscribe": {
      const targets = [...client.subscriptions.keys()];
      const target = targets[b % targets.length];
      return target && client.unsubscribe(target);
    }
    case "count":
      return client.count();
    case "watch": {
      const counts = [...client.counts.values()];
      const count = counts[b % counts.length];
      if (count && b % 3 === 0) return client.unwatch(count);
      const { user } = client;
      if (user === null) return;
      return client.watch(world.targets.ofUser(user, TYPE_LISTS[(b >>> 4) % 4] ?? []));
    }
    case "mark":
      return client.mark();
    case "renew":
      return client.renew();
    case "become": {
      const user = userOf(world, b);
      if (user === client.user) return;
      return client.become(user, [world.targets.ofUser(user, TYPE_LISTS[b % 4] ?? [])]);
    }
    case "logOut":
      return client.logOut();
    case "badFrame":
      return client.sendNonsense();
    case "move":
      return client.leave();
    case "away":
      return client.leave({ forMs: faultMs });
    case "slowLine":
      if (client.line) client.line.slowMs = 5 + b % 200;
      return;
    case "stuckLine":
      if (client.line) client.line.isStuck = true;
      return void world.loop.after(faultMs, healing(client));
    case "cutLine":
      return client.line?.cut({ isNoticed: true });
    case "deadLine":
      return client.line?.cut({ isNoticed: false });
    case "backend": {
      const troubles = ["slow", "down", "broken", "refusing", "odd", "silent"] as const;
      const trouble = troubles[a % troubles.length] ?? "slow";
      return world.backend.worsen({ kind: trouble, until: world.loop.now + faultMs });
    }
    case "withdraw":
      if (client.token === null || client.user === null || !client.isOpen) return;
      world.backend.change(client.token, b % 2 === 0 ? null : "99");
      // Clients are told only when their token is checked again.
      if ((plan.settings.AUTH_REVALIDATE_SECONDS ?? 0) > 20) return;
      return client.loggedOut(client.user);
    case "drain":
    case "kill":
      if (world.instances.length > 2 || !instance?.isReady || !instance.isRunning) return;
      if (kind === "kill") instance.kill();
      else world.loop.after(0, () => void instance.drain(), instance.process);
      return void world.loop.after(2000 * random.roll("restart"), () => world.start());
  }
}

function healing({ line }: Client): () => void {
  return () => line?.heal();
}

function userOf({ plan }: World, b: number): string {
  return plan.users[(b >>> 3) % plan.users.length] as string;
}

function addressee(world: World, b: number): Addressee {
  const kind = b % 10;
  if (kind < 6) {
    return { by: "user", user: userOf(world, b), type: TYPES[(b >>> 6) % TYPES.length] as string };
  }
  if (kind === 9) return { by: "schedule" };
  // Ids that some client has learned, and so a producer may know.
  const known = [...world.targets.all].filter(({ event }) => event !== null);
  const first = (b >>> 5) % Math.max(1, known.length);
  const targets = known.slice(first, first + 1 + kind % 2);
  return { by: "ids", targets };
}

/** What a client may want; `null` for a guest whose endpoint has no schedules. */
function targetFor({ targets }: World, { user, endpoint }: Client, b: number): Target | null {
  if (endpoint === "/mobile" && (user === null || b % 3 === 0)) {
    return targets.ofSchedule(1 + (b >>> 4) % 2);
  }
  return user === null ? null : targets.ofUser(user, TYPE_LISTS[(b >>> 4) % 4] ?? []);
}
