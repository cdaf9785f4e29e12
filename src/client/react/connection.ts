/**
 * One client, whose state many components can follow.
 */
import { connect, type ConnectOptions, type Wss } from "../mod.ts";
import type { Latest } from "./use_latest.ts";

export class Connection {
  readonly wss: Wss;
  readonly #listeners = new Set<() => void>();

  constructor(url: string, latest: Latest<ConnectOptions>) {
    this.wss = connect(url, {
      ...latest.current,
      token: () => latest.current.token?.(),
      onState: (state) => {
        for (const listener of this.#listeners) listener();
        latest.current.onState?.(state);
      },
    });
  }

  /**
   * Calls the listener after each change of the client's state.
   *
   * @returns Ends that
   */
  readonly subscribe = (listener: () => void): () => void => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };
}
