import { Counter, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client';

interface Named {
  readonly name: string;
  readonly help: string;
}

/**
 * A counter that every request raises. prom-client checks and sorts the labels of each step, which costs more than everything else that is measured of a request: it is
 * told of the sums when somebody reads them.
 * @returns counts one
 */
export function tallyOf(
  registry: Registry,
  { name, help, labelNames }: Named & { readonly labelNames: readonly string[] },
): (...labels: readonly string[]) => void {
  const tallies = new Map<string, { readonly labels: Record<string, string>; steps: number }>();
  const counter: Counter = new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      for (const tally of tallies.values()) {
        counter.inc(tally.labels, tally.steps);
        tally.steps = 0;
      }
    },
  });
  return (...labels) => {
    const key = labels.join('/');
    const known = tallies.get(key);
    if (known) known.steps += 1;
    else
      tallies.set(key, {
        labels: Object.fromEntries(labelNames.map((label, index) => [label, labels[index] as string])),
        steps: 1,
      });
  };
}

interface Durations {
  readonly labels: Record<string, string>;
  readonly perBucket: number[];
  count: number;
  sumSeconds: number;
}

/** A histogram of seconds by service and variant, which every request adds to: as prom-client writes it, without its check of the labels of each value. */
export class DurationTally implements Named {
  readonly type = 'histogram';
  private readonly known = new Map<string, Durations>();

  constructor(
    registry: Registry,
    readonly name: string,
    readonly help: string,
    /** Upper ends, seconds, in order. */
    private readonly bounds: readonly number[],
  ) {
    // What a registry asks of a metric is its name, and `get`.
    registry.registerMetric(this as unknown as Counter);
  }

  observe(service: string, variant: string, seconds: number): void {
    const of = this.of(service, variant);
    const bucket = this.bounds.findIndex((bound) => seconds <= bound);
    if (bucket !== -1) of.perBucket[bucket] = (of.perBucket[bucket] as number) + 1;
    of.count += 1;
    of.sumSeconds += seconds;
  }

  get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const values = [...this.known.values()].flatMap((of) => this.valuesOf(of));
    const { name, help, type } = this;
    const read = { name, help, type, aggregator: 'sum', values };
    // In the declaration the type is a number and `collect` is there; what is written is the word, and nobody asks for the other.
    return Promise.resolve(read as unknown as MetricObjectWithValues<MetricValueWithName<string>>);
  }

  reset(): void {
    this.known.clear();
  }

  private of(service: string, variant: string): Durations {
    const key = `${service}/${variant}`;
    const known = this.known.get(key);
    if (known) return known;
    const none = { labels: { service, variant }, perBucket: this.bounds.map(() => 0), count: 0, sumSeconds: 0 };
    this.known.set(key, none);
    return none;
  }

  private valuesOf({ labels, perBucket, count, sumSeconds }: Durations): readonly MetricValueWithName<string>[] {
    let upTo = 0;
    const bucket = (le: number | string, value: number) => ({
      metricName: `${this.name}_bucket`,
      labels: { le, ...labels },
      value,
    });
    const buckets = perBucket.map((value, index) => bucket(this.bounds[index] as number, (upTo += value)));
    return [
      ...buckets,
      bucket('+Inf', count),
      { metricName: `${this.name}_sum`, labels, value: sumSeconds },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
