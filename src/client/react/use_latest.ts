/**
 * The latest value of a rendering, for callbacks that live longer than the rendering.
 */
import { useEffect, useRef } from "react";

/** A box with a value that is replaced after each rendering. */
export interface Latest<T> {
  readonly current: T;
}

export function useLatest<T>(value: T): Latest<T> {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}
