/**
 * Keys that differ from the rules' names in the case of ASCII letters only (REQ4). Go's decoder takes
 * them, so producers and clients may write `Document` or `AuthToken`.
 */
import type * as z from "zod";
import { isObject } from "../util/is_object.ts";

/** Gives a value with the names of the rules as keys. A value that has them is returned as it is. */
export type NameKeys = (value: unknown) => unknown;

/** The names of an object, each with those of its value, if these are known. */
type Names = ReadonlyMap<string, Names | null>;

/**
 * Makes a function that names the keys of a schema's input, at each level that the schema describes.
 *
 * A key with the exact name comes first, even if its value is `null`; else the last one that differs in
 * case only. What the schema does not describe stays as it is.
 */
export function keyNamer(schema: z.ZodType): NameKeys {
  const names = namesOf(schema);
  return (value) => names ? nameKeys(value, names) : value;
}

function namesOf(schema: z.core.$ZodType): Names | null {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return new Map(Object.entries(def.shape).map(([name, value]) => [name, namesOf(value)]));
    case "optional":
    case "nullable":
      return namesOf(def.innerType);
    case "pipe":
      return namesOf(def.in);
    case "union":
      return def.options.map(namesOf).reduce(merge, null);
    default:
      if ("innerType" in def) {
        throw new Error(`The names in a schema of type ${def.type} are not known`);
      }
      return null;
  }
}

function merge(one: Names | null, other: Names | null): Names | null {
  if (!one || !other) return one ?? other;
  const merged = new Map(one);
  for (const [name, inner] of other) merged.set(name, merge(merged.get(name) ?? null, inner));
  return merged;
}

function nameKeys(value: unknown, names: Names): unknown {
  if (!isObject(value)) return value;
  let changed: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    if (names.has(key)) continue;
    const name = nameOf(key, names);
    if (name !== undefined && !Object.hasOwn(value, name)) (changed ??= {})[name] = value[key];
  }
  for (const [name, inner] of names) {
    if (!inner) continue;
    const before = changed && Object.hasOwn(changed, name) ? changed[name] : value[name];
    const after = nameKeys(before, inner);
    if (after !== before) (changed ??= {})[name] = after;
  }
  return changed ? { ...value, ...changed } : value;
}

function nameOf(key: string, names: Names): string | undefined {
  for (const name of names.keys()) if (isSameButCase(name, key)) return name;
  return undefined;
}

/** Whether two texts are the same but for the case of ASCII letters. */
export function isSameButCase(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) {
    if (lowerCase(one.charCodeAt(i)) !== lowerCase(other.charCodeAt(i))) return false;
  }
  return true;
}

export function lowerCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}
