import { describe, expect, it } from 'vitest';
import type { MetricAnalysis } from '#libs/contracts';
import { aMetric, aSpec } from '#libs/testing/delivery';
import { metricNotes } from './metric-notes.js';

const notes = (metric: Partial<MetricAnalysis>, name = 'latency-p95') => metricNotes(aSpec(), aMetric(name, metric));

/** Few units, and so many values of either variant. */
function come(events: number) {
  return { control: { units: 300, events }, candidate: { units: 60, events } };
}

describe('notes beside a metric', () => {
  it('are none where its figures say everything', () => {
    expect(notes({})).toEqual([]);
  });

  it('count what harm passes over, by variant', () => {
    const n = { control: { units: 60_000, events: 64_000 }, candidate: { units: 3_200, events: 3_400 } };
    const [note] = notes({ n, leftOut: { control: 240, candidate: 12 } });
    expect(note).toEqual({
      isWarning: false,
      message:
        'Not counted for harm: 12 of 3\u202f400 values of candidate and 240 of 64\u202f000 of control. They came shortly after a bad one, and one stall counts once.',
    });
  });

  it('say how many units have a value, where not all have', () => {
    expect(notes({ withValue: { control: 0.999, candidate: 0.995 } })).toEqual([]);
    expect(notes({ withValue: { control: 1, candidate: null } })).toEqual([]);
    const some = { control: 0.98, candidate: 0.664 };
    const message = 'With a value: 66.4 % of the units of candidate, 98 % of control’s.';
    expect(notes({ withValue: some })).toEqual([{ isWarning: false, message }]);
    expect(notes({ withValue: some, reason: 'missing-more-often' })).toEqual([{ isWarning: true, message }]);
  });

  it('name the long tail of a mean, and warn where a proof waits for it', () => {
    const bounds = { low: 0.5, high: 1.5 };
    const clipped = [{ ...bounds, control: { values: 0.004, sum: 0.02 }, candidate: { values: 0.01, sum: 0.131 } }];
    const message =
      'Beyond 0.5 to 1.5 s lie 1 % (13.1 % of their sum) of candidate’s values, and 0.4 % (2 % of their sum) of control’s.';
    expect(notes({ unit: 's', clipped })).toEqual([{ isWarning: false, message }]);
    expect(notes({ unit: 's', clipped, reason: 'tail-beyond-bounds' })).toEqual([{ isWarning: true, message }]);
    const little = [{ ...bounds, control: { values: 0.004, sum: 0.002 }, candidate: { values: 0.01, sum: 0.003 } }];
    expect(notes({ unit: 's', clipped: little })).toEqual([]);
  });

  it('count what is left out of a start, by variant, and say how long a start is', () => {
    const warmUp = { control: 1_980, candidate: 20 };
    expect(notes({ warmUp })).toEqual([
      {
        isWarning: false,
        message:
          'Left out: 20 values of candidate and 1\u202f980 of control. They came while one of the two, or an instance of it, was starting (its first 20 requests or 60 s). Errors and pictures of that time count.',
      },
    ]);
    const spec = aSpec({ warmUp: { requests: 5, forMs: 120_000 } });
    expect(metricNotes(spec, aMetric('latency-p95', { warmUp }))[0]?.message).toContain(
      '(its first 5 requests or 2 min)',
    );
  });

  it('say of a mean that later values of the same units are not judged, where they are many', () => {
    const [note] = notes({ kind: 'mean', n: come(1_000) }, 'alignment');
    expect(note?.message).toMatch(
      /^Judged by the first value of each user: 940 of 1\u202f000 values of candidate are later ones, in which no harm is looked for\./,
    );
    expect(notes({ kind: 'mean', n: come(70) }, 'alignment')).toEqual([]);
    expect(notes({ kind: 'mean', n: come(1_000), role: 'observed' }, 'alignment')).toEqual([]);
    expect(notes({ kind: 'upper-tail', n: come(1_000) })).toEqual([]);
  });

  it('say of an absolute limit where either variant stands, in the unit of the metric', () => {
    const reading = { units: 900, isBrokenNow: false };
    const limit = {
      kind: 'at-most',
      value: 0.05,
      candidate: { ...reading, verdict: 'undecided', lnE: { beyond: -1, within: 1.24 } },
      control: { ...reading, verdict: 'within', lnE: { beyond: -4, within: 4.1 } },
    } as const;
    const unit = 'share of requests';
    expect(notes({ unit, limit }, 'error-rate')).toEqual([
      {
        isWarning: false,
        message:
          'At most 5 % is allowed, whatever the other variant does: candidate is not proven within it yet (ln E 1.24; 3 needed); control is proven within it (ln E 4.1; 3 needed).',
      },
    ]);
    const broken = { ...limit, candidate: { ...limit.candidate, isBrokenNow: true } };
    expect(notes({ unit, limit: broken })[0]).toMatchObject({
      isWarning: true,
      message: expect.stringContaining('candidate is beyond it now, whatever was before'),
    });
    const beyond = {
      ...limit,
      control: { ...limit.control, verdict: 'beyond', lnE: { beyond: 9, within: -3 } },
    } as const;
    expect(notes({ unit, limit: beyond })[0]?.message).toContain('control is proven beyond it (ln E 9; 3 needed)');
    const none = { ...limit, control: { ...limit.control, units: 0 } };
    expect(notes({ unit, limit: none })[0]?.message).toContain('control has no value yet');
  });
});
