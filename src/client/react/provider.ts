/**
 * The connection of a tree of components. It begins when the tree is on the screen, so none is made on
 * a server, and ends with the tree.
 */
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from "react";
import type { ConnectOptions, State, Wss } from "../mod.ts";
import { Connection } from "./connection.ts";
import { useLatest } from "./use_latest.ts";

/** Where and how to connect. */
export interface WssProviderProps extends ConnectOptions {
  /** The endpoint. With another one, everything begins anew. */
  readonly url: string;
  readonly children?: ReactNode;
}

/** The state before there is a client. */
const NOT_STARTED: State = { state: "connecting", last: null };

/** `undefined` without a {@linkcode WssProvider}. */
const ConnectionContext = createContext<Connection | null | undefined>(undefined);

/**
 * Connects, for all hooks below it. `token` and `onState` may be other functions at each rendering; the
 * latest are called. The other options are those of the first rendering.
 */
export function WssProvider({ url, children, ...options }: WssProviderProps): ReactElement {
  const latest = useLatest(options);
  const [connection, setConnection] = useState<Connection | null>(null);
  useEffect(() => {
    const made = new Connection(url, latest);
    setConnection(made);
    return () => made.wss.close();
  }, [url]);
  return createElement(ConnectionContext.Provider, { value: connection }, children);
}

/**
 * Gives the connection of the tree; `null` on a server, and at the first rendering.
 *
 * @throws {Error} There is no {@linkcode WssProvider}
 */
export function useConnection(): Connection | null {
  const connection = useContext(ConnectionContext);
  if (connection === undefined) throw new Error("No WssProvider is above this component");
  return connection;
}

/** Gives the state of the connection. */
export function useConnectionState(connection: Connection | null): State {
  return useSyncExternalStore(
    connection?.subscribe ?? subscribeToNothing,
    () => connection?.wss.state ?? NOT_STARTED,
    () => NOT_STARTED,
  );
}

function subscribeToNothing(): () => void {
  return () => {};
}

/** Gives the client, for calls that have no hook; `null` on a server, and at the first rendering. */
export function useWss(): Wss | null {
  return useConnection()?.wss ?? null;
}
