import { Gauge, type LabelValues, type Registry } from 'prom-client';

/** Registers a gauge whose values are read anew whenever somebody asks: labels of what is gone are told no more. */
export function labelledGauge<Label extends string>(
  registry: Registry,
  metric: { readonly name: string; readonly help: string; readonly labelNames?: readonly Label[] },
  collect: (set: (labels: LabelValues<Label>, value: number) => void) => void,
): void {
  const { name, help, labelNames = [] } = metric;
  const registered: Gauge<Label> = new Gauge<Label>({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      registered.reset();
      collect((labels, value) => registered.set(labels, value));
    },
  });
}
