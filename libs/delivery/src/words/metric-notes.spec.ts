import { describe, expect, it } from 'vitest';
import type { MetricAnalysis } from '#libs/contracts';
import { aMetric, aSpec } from '#libs/testing/delivery';
import { metricNotes } from './metric-notes.js';

const notes = (metric: Partial<MetricAnalysis>): readonly string[] =>
  metricNotes(aSpec(), aMetric('latency-p95', metric));

describe('notes beside a metric', () => {
  it('are none where its figures say everything', () => {
    expect(notes({})).toEqual([]);
  });

  it('count what harm passes over, by variant', () => {
    const n = { control: { units: 60_000, events: 64_000 }, candidate: { units: 3_200, events: 3_400 } };
    expect(notes({ n, leftOut: { control: 240, candidate: 12 } })).toEqual([
      'Not counted for harm: 12 of 3\u202f400 values of candidate and 240 of 64\u202f000 of control. They came shortly after a bad one, and one stall counts once.',
    ]);
  });
});
