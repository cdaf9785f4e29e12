/**
 * Gauges of sessions and their subscriptions.
 */
import { Gauge, type Registry } from "prom-client";
import type { Session } from "../sessions/session.ts";

/** Sessions and subscriptions that are counted between two rests. */
const PER_STEP = 2000;

/** What these gauges look at. */
export interface ObservedSessions {
  readonly sessions: Iterable<Session>;
}

/**
 * Adds the gauges to the registry.
 *
 * @returns A function that sets them, in steps between which it rests
 */
export function createSessionGauges(
  registry: Registry,
  { sessions }: ObservedSessions,
): () => Generator<void> {
  const registers = [registry];
  const sessionCount = new Gauge({
    name: "wss_sessions",
    help: "Sessions, with a user or of a guest",
    labelNames: ["endpoint", "identity"],
    registers,
  });
  const subscriptionCount = new Gauge({
    name: "wss_subscriptions",
    help: "Subscriptions; one that is catching up gets its pushes later",
    labelNames: ["resource", "state"],
    registers,
  });
  const behind = new Gauge({
    name: "wss_sessions_behind",
    help: "Sessions with more than MAX_BUFFERED_BYTES unsent; /sessions counts the same",
    registers,
  });

  return function* () {
    const users = { "/web": 0, "/mobile": 0 };
    const guests = { "/web": 0, "/mobile": 0 };
    const live = { notification: 0, schedule: 0, count: 0 };
    const catchingUp = { notification: 0, schedule: 0, count: 0 };
    let behindCount = 0;
    let steps = 0;
    for (const session of sessions) {
      (session.user === null ? guests : users)[session.endpoint]++;
      if (session.outbox.isBehind) behindCount++;
      for (const { target: { resource }, isLive } of session.all) {
        (isLive ? live : catchingUp)[resource]++;
      }
      steps += 1 + session.subscriptionCount;
      if (steps < PER_STEP) continue;
      steps = 0;
      yield;
    }
    for (const endpoint of ["/web", "/mobile"] as const) {
      sessionCount.set({ endpoint, identity: "user" }, users[endpoint]);
      sessionCount.set({ endpoint, identity: "guest" }, guests[endpoint]);
    }
    for (const resource of ["notification", "schedule", "count"] as const) {
      subscriptionCount.set({ resource, state: "live" }, live[resource]);
      subscriptionCount.set({ resource, state: "catching_up" }, catchingUp[resource]);
    }
    behind.set(behindCount);
  };
}
