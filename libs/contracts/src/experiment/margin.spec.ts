import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import type { KnownMetric } from './known-metric.js';
import { readLimitOf } from './limit.js';
import { amountInFile, marginInFile, readMargin } from './margin.js';

const metric = (facts: Partial<KnownMetric>): KnownMetric => ({
  name: 'm',
  use: 'decides',
  direction: 'lower',
  largestEffect: null,
  isShare: false,
  limits: true,
  ...facts,
});
const ALIGNMENT = metric({ direction: 'higher', unit: 'cosine', floor: 0.001 });
const ERRORS = metric({ isShare: true, unit: 'share of requests', largestEffect: 1 });
const LATENCY = metric({ unit: 'ms', floor: 1 });

describe('a margin, as a file says it', () => {
  it.each([
    [ALIGNMENT, '-1%'],
    [ALIGNMENT, '-1% or -0.02'],
    [ALIGNMENT, '-0.02'],
    [ERRORS, '+0.5pp'],
    [ERRORS, '+7%'],
    [LATENCY, '+10%'],
    [LATENCY, '+5% or +2.5ms'],
    [LATENCY, '+50ms'],
    [metric({ unit: 'MiB' }), '+512MiB'],
    [metric({}), '+0.0000001'],
  ])('is read back as what it was: %#, %s', (of, text) => {
    const { margin } = readMargin(text, of);
    expect(marginInFile(margin!, of)).toBe(text);
  });

  it('is in the metric’s own unit, whichever was written', () => {
    expect(marginInFile(readMargin('+1.5s', LATENCY).margin!, LATENCY)).toBe('+1500ms');
  });
});

describe('a limit, as a file says it', () => {
  it.each([
    [ERRORS, '5%'],
    [LATENCY, '8000ms'],
    [metric({}), '0.25'],
  ])('is read back as what it was: %#, %s', (of, text) => {
    const { limit } = readLimitOf({ atMost: text }, of);
    expect(amountInFile(limit!.value, of, '%')).toBe(text);
  });
});

it.each([`+1${' '.repeat(100_000)}!`, `+1% or +1${' '.repeat(100_000)}!`, `+${'1'.repeat(100_000)}!`])(
  'a text of 100,000 characters that is no margin is refused at once',
  (text) => {
    expect(readMargin(text, LATENCY)).toHaveProperty('fault');
    expect(processorMsOf(() => readMargin(text, LATENCY))).toBeLessThan(50);
  },
);
