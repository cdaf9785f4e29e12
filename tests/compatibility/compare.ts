/** What of an outcome has to be the same in both services. */
import type { Frame } from "../_support/clients/client.ts";
import type { Asked, Outcome } from "./play.ts";

/** The slug of all errors of the Go service itself. */
const GO_SLUG = "Invlaide-Input";

/**
 * Leaves out what always differs: the keys that only wss adds to a frame, the texts and the event of a
 * service's own errors (ERR1), and the order of a query's names.
 *
 * @param options.withSlugs Whether own errors keep their slugs; in that case they are those of wss
 */
export function essenceOf(outcome: Outcome, { withSlugs = false } = {}) {
  const { asked = [], got = [], secondGot = [], closed, ended } = outcome;
  const essenceOfFrame = ({ rid, event, status, payload }: Frame) => {
    const error = firstErrorOf(payload);
    const isOwn = status === "error" &&
      (error?.Slug === GO_SLUG || typeof error?.Temporary === "boolean");
    if (!isOwn) return { rid, event, status, payload };
    return withSlugs ? { rid, event, slug: error.Slug } : { rid, slug: "its own" };
  };
  return {
    asked: asked.map(essenceOfRequest),
    got: got.map(essenceOfFrame),
    secondGot: secondGot.map(essenceOfFrame),
    closed,
    ended,
  };
}

function essenceOfRequest({ request, authorization, body }: Asked) {
  const [path, query] = request.split("?");
  const names = [...new URLSearchParams(query)];
  return {
    path,
    names: names.sort(([a], [b]) => Number(a > b) - Number(a < b)),
    authorization,
    body,
  };
}

/** The first entry of a service's own error (ERR1). A backend's `error` may be anything. */
function firstErrorOf(
  payload: Frame["payload"],
): { Slug?: string; Temporary?: boolean } | undefined {
  return Array.isArray(payload?.error) ? payload.error[0] ?? undefined : undefined;
}

/** A short form of what wss did, for a scenario. */
export function shortOf({ asked = [], got = [], secondGot = [], closed }: Outcome): Outcome {
  const shortOfFrame = ({ rid, event, status, payload }: Frame): Frame => {
    const error = firstErrorOf(payload);
    if (typeof error?.Temporary !== "boolean") return { rid, event, status, payload };
    const { Slug, Temporary } = error;
    return { rid, event, status, payload: { error: [{ Slug, Temporary }] } };
  };
  return {
    ...asked.length > 0 ? { asked: asked.map(({ answer: _, ...rest }) => rest) } : {},
    ...got.length > 0 ? { got: got.map(shortOfFrame) } : {},
    ...secondGot.length > 0 ? { secondGot: secondGot.map(shortOfFrame) } : {},
    ...closed === undefined ? {} : { closed },
  };
}
