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
    /** Passes over its states until it is that, or was since the last asking. */
    async until<S extends State["state"]>(state: S): Promise<Extract<State, { state: S }>> {
      for (;;) {
        const next = await deadline(`the state ${state}`, states.next());
        if (next.state === state) return next as Extract<State, { state: S }>;
      }
    },
  };
}
