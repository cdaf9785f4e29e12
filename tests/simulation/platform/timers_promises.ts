/** Stands for `node:timers/promises` in a simulation: the import map of `child.ts` says so. */

export function setImmediate(): Promise<void> {
  return new Promise((resolve) => void globalThis.setImmediate(resolve));
}
