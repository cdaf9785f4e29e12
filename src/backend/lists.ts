/**
 * The lists of subscriptions: how an API is asked for one, and what is kept of that for a reload.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Target } from "../protocol/target.ts";
import type { ListRequest } from "./backend.ts";

/** What a client may ask of a list of notifications (LIST1). */
export interface ListParams {
  readonly limit?: number | undefined;
  readonly skip?: number | undefined;
  readonly sort?: string | undefined;
}

/** What is kept of a client's list, so that it can be fetched again (KAF3). */
export interface KeptList {
  /** The same for equal requests; without the token. */
  readonly key: string;
  readonly params: ListParams;
  /** How much the subscription counts for MAX_SESSION_BYTES (LIM5). */
  readonly bytes: number;
}

/** The request for a target's list. What is absent, 0 or "" in `params` is left out. */
export function listOf(target: Target, { limit, skip, sort }: ListParams): ListRequest {
  const query: [name: string, value: string][] = [];
  const add = (name: string, value: string | number) => query.push([name, String(value)]);
  if (target.resource === "notification") {
    for (const [name, value] of Object.entries({ limit, skip, sort })) if (value) add(name, value);
    for (const type of target.where.types) add("type", type);
    return { api: "notification", query };
  }
  const { from, to, timezone, gameIds, substage, tournament } = target.where.value;
  add("from", from);
  add("to", to);
  add("tz", timezone);
  for (const id of gameIds ?? []) add("game_id", id);
  for (const tier of substage?.tiers ?? []) add("substage.tier", tier);
  for (const id of tournament?.ids ?? []) add("tournament.id", id);
  return { api: "schedule", query };
}

/** What to keep of a list. A reload has the same `limit` and `sort`, and no `skip`. */
export function keptList(target: Target, { limit, sort }: ListParams): KeptList {
  const params = { limit, sort };
  const { api, query } = listOf(target, params);
  const key = createHash("md5").update(JSON.stringify([api, query])).digest("base64");
  const where = target.resource === "notification"
    ? JSON.stringify(target.where)
    : target.where.text;
  const bytes = Buffer.byteLength(where + JSON.stringify(params) + target.id);
  return { key, params, bytes };
}
