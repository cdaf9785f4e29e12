/** A client of the library that keeps each of its states until a test asks for it. */
import { connect, type ConnectOptions, type State } from "../../../src/client/mod.ts";
import { deadline, Queue } from "../queue.ts";

export function connectClient(url: string, options: ConnectOptions = {}) {
  const states = new Queue<State>();
  const client = connect(url, { ...options, onState: (state) => states.push(state) });
  return {
    ...client,
    get state() {
      return client.state;
    },
    /** Skips states until this one. It may have come since the last call. */
    async until<S extends State["state"]>(state: S): Promise<Extract<State, { state: S }>> {
      for (;;) {
        const next = await deadline(`the state ${state}`, states.next());
        if (next.state === state) return next as Extract<State, { state: S }>;
      }
    },
  };
}
