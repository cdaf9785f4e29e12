/** What an operator does at the admin port. */
import { assert } from "@std/assert";

/** One series of `/metrics`: its name, and the labels that it must have. */
export interface Series {
  name: string;
  labels?: Record<string, string>;
}

export type AdminClient = ReturnType<typeof createAdminClient>;

export function createAdminClient(url: string) {
  async function request(path: string, init: RequestInit = {}) {
    const response = await fetch(url + path, init);
    const text = await response.text();
    const isJson = text !== "" && response.headers.get("content-type") === "application/json";
    return { status: response.status, text, body: isJson ? JSON.parse(text) : undefined };
  }

  async function metrics(): Promise<string[]> {
    return (await request("/metrics")).text.split("\n");
  }

  return {
    url,
    request,
    /** The body of an answer that is 200. */
    async get(path: string) {
      const { status, text, body } = await request(path);
      assert(status === 200, `${path}: ${status} ${text}`);
      return body;
    },
    post: (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
      request(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    /** Lines of `/metrics`. */
    metrics,
    /** The present {@linkcode valueOf} a series. */
    metric: async (series: Series) => valueOf(await metrics(), series),
  };
}

/** The sum of all series of that name with these labels, from lines of `/metrics`; 0 if there are none. */
export function valueOf(lines: readonly string[], { name, labels = {} }: Series): number {
  return lines
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) =>
      Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))
    )
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
