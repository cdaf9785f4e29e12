/**
 * The paths at which clients connect (NET1).
 */

/** The path of an endpoint; each endpoint has its own command table. */
export type Endpoint = "/web" | "/mobile";
