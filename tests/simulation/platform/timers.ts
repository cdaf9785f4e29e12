/** Stands for `node:timers` in a simulation: the import map of `child.ts` says so. */

export function setImmediate(run: () => void): void {
  globalThis.setImmediate(run);
}

export function setTimeout(run: () => void): void {
  globalThis.setTimeout(run);
}
