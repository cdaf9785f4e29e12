/**
 * The state of a connection, as a program sees it.
 */
import type { Disconnection } from "./line.ts";

/** The state of a connection, with the reason why the last socket ended. */
export type State =
  | { readonly state: "connecting"; readonly last: Disconnection | null }
  /**
   * `transport`: `http` where WebSockets do not come through. `degraded`: pushes may come late, because
   * the service can't read all of its log.
   */
  | {
    readonly state: "open";
    readonly transport: "websocket" | "http";
    readonly degraded: boolean;
    readonly last: Disconnection | null;
  }
  /**
   * `blocked`: two WebSockets on end did not open or carried nothing, while plain HTTP works. So a proxy
   * on the way lets none through.
   */
  | {
    readonly state: "waiting";
    readonly retryInMs: number;
    readonly blocked: boolean;
    readonly last: Disconnection | null;
  }
  /** The token was refused. It is asked for again, and a connection is made with another one only. */
  | {
    readonly state: "unauthorized";
    readonly retryInMs: number;
    readonly last: Disconnection | null;
  }
  /** For good, unless the service closed it and the program calls `connect()` of it. */
  | { readonly state: "closed"; readonly last: Disconnection | null };
