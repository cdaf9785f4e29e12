/**
 * The lists and counts of subscriptions: how an API is asked for one, and what is kept of that for a
 * reload.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import * as z from "zod";
import { CommandError } from "../protocol/errors.ts";
import { type JsonText, toJson } from "../protocol/frames.ts";
import { keyNamer } from "../protocol/key_case.ts";
import type { CountTarget, CountWhere, Target } from "../protocol/target.ts";
import { optional } from "../protocol/validation.ts";
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

/** The request for a count (COUNT1). */
export function countRequest({ types, status }: Omit<CountWhere, "userId">): ListRequest {
  const query = [...types.map((type) => ["type", type] as const), ["status", status] as const];
  return { api: "notification", query };
}

/** What the notification API must answer to a count (COUNT1). */
export const countSchema = z.object({ total: optional(z.int()) });
const nameKeys = keyNamer(countSchema);

/**
 * Reads the answer to a {@linkcode countRequest}.
 *
 * @returns The JSON of `{"total": n}`, the same for equal totals
 * @throws {CommandError} `backend-invalid`
 */
export function countOf(value: unknown): JsonText {
  const counted = countSchema.safeParse(nameKeys(value));
  if (counted.success) return toJson({ total: counted.data.total ?? 0 });
  throw new CommandError({
    slug: "backend-invalid",
    message: "Cannot count: the notification API's answer has no usable total",
  });
}

/** The request for a target's list or count. What is absent, 0 or "" in `params` is left out. */
export function listOf(
  target: Target | CountTarget,
  { limit, skip, sort }: ListParams,
): ListRequest {
  if (target.resource === "count") return countRequest(target.where);
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

/** What to keep of a list or a count. A reload has the same `limit` and `sort`, and no `skip`. */
export function keptList(target: Target | CountTarget, { limit, sort }: ListParams): KeptList {
  const params = { limit, sort };
  const { api, query } = listOf(target, params);
  const key = hash("md5", JSON.stringify([api, query]), "base64");
  const where = target.resource === "schedule" ? target.where.text : JSON.stringify(target.where);
  const bytes = Buffer.byteLength(where + JSON.stringify(params) + target.id);
  return { key, params, bytes };
}
