/**
 * The paths at which clients connect (NET1).
 */

/** The path of an endpoint; each has a command table of its own. */
export type Endpoint = "/web" | "/mobile";
