/** Reads `/metrics` for tests. */
import { type AdminClient, type Series, valueOf } from "./admin.ts";

/** A series of wss; `name` is without the `wss_` in front of it. */
export function series(name: string, labels: Record<string, string> = {}): Series {
  return { name: `wss_${name}`, labels };
}

/** Series, or their values, by the names that a test gives them. */
type Named<N extends string, T> = Record<N, T>;

/** Reads series, and remembers which metrics had another value than 0, or changed. */
export class MetricsWatch {
  /** The names of these metrics, as they stand behind `# TYPE`. */
  readonly seen = new Set<string>();

  /** The present values of series. */
  async values<N extends string>(
    admin: AdminClient,
    watched: Named<N, Series>,
  ): Promise<Named<N, number>> {
    const values = await readValues(admin, watched);
    this.#remember(watched, values);
    return values;
  }

  /** By how much series change while work is done. */
  async changes<N extends string>(
    admin: AdminClient,
    watched: Named<N, Series>,
    work: () => unknown,
  ): Promise<Named<N, number>> {
    const before = await readValues(admin, watched);
    await work();
    const after = await readValues(admin, watched);
    for (const name of namesOf(after)) after[name] -= before[name];
    this.#remember(watched, after);
    return after;
  }

  #remember<N extends string>(watched: Named<N, Series>, values: Named<N, number>): void {
    for (const name of namesOf(watched)) {
      if (values[name] !== 0) this.seen.add(watched[name].name.replace(/_(bucket|sum|count)$/, ""));
    }
  }
}

async function readValues<N extends string>(
  admin: AdminClient,
  watched: Named<N, Series>,
): Promise<Named<N, number>> {
  const lines = await admin.metrics();
  const values = namesOf(watched).map((name) => [name, valueOf(lines, watched[name])]);
  return Object.fromEntries(values);
}

function namesOf<N extends string>(named: Named<N, unknown>): N[] {
  return Object.keys(named) as N[];
}

/** The names of all metrics, as they stand behind `# TYPE` in lines of `/metrics`. */
export function metricNames(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []);
}
