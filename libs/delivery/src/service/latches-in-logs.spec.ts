import { describe, expect, it } from 'vitest';
import type { ExperimentSpec } from '#libs/contracts';
import type { DeliveryInput } from '../index.js';
import { analysed, aSpec, define, harmful, logOf, minutes, operator } from '#libs/testing/delivery';
import { evolveService } from './evolve-service.js';
import { latchesInLogs } from './latches-in-logs.js';
import { newService } from './state.js';

const defined = (key: string, minute: number, fingerprint: string, more: Partial<ExperimentSpec> = {}) =>
  define(minutes(minute), aSpec({ key, ...more }), {
    fingerprints: { control: 'a', candidate: fingerprint, other: 'c' },
  });
const harm = (key: string, minute: number, revision = 1) =>
  analysed(minutes(minute), [harmful('alignment')], { experiment: key, revision });
const latchedBy = (...logs: readonly (readonly DeliveryInput[])[]) => {
  const events = latchesInLogs(
    logs.map((inputs) => logOf(...inputs)),
    'a',
  );
  const { latched } = events.reduce(evolveService, newService('text-to-image'));
  return Object.entries(latched).map(([fingerprint, { experiment, revision, atMs }]) => [
    fingerprint,
    `${experiment} ${revision}`,
    atMs,
  ]);
};

describe('what the logs of a service’s experiments latch', () => {
  it('is what was rolled back, by harm or by a person, since when and by whom', () => {
    expect(latchedBy([defined('one', 0, 'b'), harm('one', 1)])).toEqual([['b', 'one 1', minutes(1)]]);
    expect(latchedBy([defined('one', 0, 'b'), operator('rollback', minutes(2))])).toEqual([['b', 'one 1', minutes(2)]]);
    expect(latchedBy([defined('one', 0, 'b'), operator('pause', minutes(2))])).toEqual([]);
  });

  it('is no more what was begun on again since, by a new attempt or under another key, unless that was rolled back too', () => {
    const tried = [defined('one', 0, 'b'), harm('one', 1), operator('new-attempt', minutes(2))];
    expect(latchedBy(tried)).toEqual([]);
    expect(latchedBy([...tried, harm('one', 3, 2)])).toEqual([['b', 'one 2', minutes(3)]]);
    const first = [defined('one', 0, 'b'), harm('one', 1)];
    expect(latchedBy([defined('two', 5, 'b')], first)).toEqual([]);
    expect(latchedBy([defined('two', 5, 'b'), harm('two', 6)], first)).toEqual([['b', 'two 1', minutes(6)]]);
    expect(latchedBy([defined('two', 5, 'x')], first)).toEqual([['b', 'one 1', minutes(1)]]);
  });

  it('is also an arm that was dropped or late found harmful, and never what is served', () => {
    const { control, candidate } = aSpec().variants as Record<
      'control' | 'candidate',
      ExperimentSpec['variants'][string]
    >;
    const test = { kind: 'ab', variants: { control, candidate, other: candidate } } as const;
    expect(latchedBy([defined('one', 0, 'b', test), harm('one', 1)])).toEqual([['b', 'one 1', minutes(1)]]);
    const ended = [defined('one', 0, 'b', test), { ...operator('promote', minutes(1)), variant: 'other' }];
    expect(latchedBy([...ended, harm('one', 2)])).toEqual([['b', 'one 1', minutes(2)]]);
    expect(latchesInLogs([logOf(defined('one', 0, 'b'), harm('one', 1))], 'b')).toEqual([]);
  });
});
