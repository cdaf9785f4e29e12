/**
 * A histogram that counts many equal observations at the cost of one, because one record is pushed
 * to thousands of sessions at once. The histogram of prom-client takes only one observation at a
 * time.
 */
import type { Metric, Registry } from "prom-client";

interface Series {
  /** The number of observations in each bucket, and last of those above all buckets. */
  readonly counts: number[];
  sum: number;
  count: number;
}

/** How a {@linkcode WeightedHistogram} is named and divided. */
export interface WeightedHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** The name of its only label. */
  readonly label: string;
  /** The upper ends of the buckets, ascending. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/** A histogram with one label. */
export class WeightedHistogram {
  readonly name: string;
  readonly #options: WeightedHistogramOptions;
  readonly #series = new Map<string, Series>();

  constructor(options: WeightedHistogramOptions) {
    this.name = options.name;
    this.#options = options;
    // A registry uses only `name` and `get`.
    options.registry.registerMetric(this as unknown as Metric);
  }

  /** Counts a value that was observed `times` times. */
  observe(label: string, value: number, times: number): void {
    const { buckets } = this.#options;
    let series = this.#series.get(label);
    if (!series) {
      series = { counts: Array(buckets.length + 1).fill(0), sum: 0, count: 0 };
      this.#series.set(label, series);
    }
    const found = buckets.findIndex((end) => value <= end);
    const index = found < 0 ? buckets.length : found;
    series.counts[index] = (series.counts[index] ?? 0) + times;
    series.sum += value * times;
    series.count += times;
  }

  /** The values that a registry writes, in the form of prom-client's histograms. */
  get() {
    const { name, help, label, buckets } = this.#options;
    const values = [...this.#series].flatMap(([value, { counts, sum, count }]) => {
      const labels = { [label]: value };
      let below = 0;
      const bucketValues = [...buckets, "+Inf"].map((le, i) => {
        below += counts[i] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below };
      });
      return [
        ...bucketValues,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
    return Promise.resolve({ name, help, type: "histogram", values, aggregator: "sum" });
  }
}
