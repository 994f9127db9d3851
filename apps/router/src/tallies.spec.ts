import { Counter, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { DurationTally, tallyOf } from './tallies.js';

const name = 'a_metric';
const help = 'What it says.';

it('counts what a counter of prom-client counts, read once and again', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const tally = tallyOf(ours, { name, help, labelNames: ['service', 'outcome'] });
  const counter = new Counter({ name, help, labelNames: ['service', 'outcome'], registers: [theirs] });
  for (let round = 0; round < 3; round += 1) {
    for (const labels of [
      ['a', 'delivered'],
      ['a', 'delivered'],
      ['b', 'filtered'],
    ]) {
      tally(...labels);
      counter.labels(...labels).inc();
    }
    expect(await ours.metrics()).toBe(await theirs.metrics());
  }
});

it('writes durations as a histogram of prom-client does', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const buckets = [0.01, 0.5, 60];
  const tally = new DurationTally(ours, name, help, buckets);
  const histogram = new Histogram({ name, help, labelNames: ['service', 'variant'], buckets, registers: [theirs] });
  expect(await ours.metrics()).toBe(await theirs.metrics());
  for (const [variant, seconds] of [
    ['control', 0.01],
    ['control', 0.02],
    ['candidate', 61],
    ['', 0],
  ] as const) {
    tally.observe('a', variant, seconds);
    histogram.labels('a', variant).observe(seconds);
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
});
