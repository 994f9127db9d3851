import { describe, expect, it } from 'vitest';
import { PositionMismatchError } from '../event-bus.js';
import { startingOffset } from './starting-offset.js';

const extent = { log: 'this', low: 10, high: 20 };
const place = { subscription: { group: 'g' }, topic: 't', partition: 3 };

describe('where a partition starts', () => {
  it.each([
    ['without a position at the beginning', undefined, 10],
    ['at a position in the log', 15, 15],
    ['at the end', 20, 20],
    ['at its own position of this log', { offset: 10, log: 'this' }, 10],
    ['at a position of a version that did not note the log', { offset: 12, log: null }, 12],
    ['where an operator wants it, whatever was read before', { offset: 'earliest', log: null } as const, 10],
    ['behind what an operator gives up', { offset: 'latest', log: null } as const, 20],
  ])('%s', (_what, kept, expected) => {
    expect(startingOffset(kept, extent, place)).toBe(expected);
  });

  it('without a position at the end, for who wants only what comes', () => {
    const subscription = { group: 'g', startFrom: 'latest' } as const;
    expect(startingOffset(undefined, extent, { ...place, subscription })).toBe(20);
  });

  it('over, for a group that was made up for one process and whose log is gone', () => {
    const subscription = { group: 'g', startFrom: 'latest', isLasting: false } as const;
    expect(startingOffset({ offset: 15, log: 'another' }, extent, { ...place, subscription })).toBe(20);
    expect(startingOffset({ offset: 15, log: 'this' }, extent, { ...place, subscription })).toBe(15);
  });

  it.each([
    [{ offset: 15, log: 'another' }, 'of another log (another; this one is this)'],
    [9, 'the log begins at 10: 1 records were deleted'],
    [21, 'the log ends at 20'],
  ])('nowhere by %j, and says what to do', (kept, why) => {
    const start = (): number => startingOffset(kept, extent, place);
    expect(start).toThrow(PositionMismatchError);
    expect(start).toThrow(why);
    expect(start).toThrow('teststrip positions reset g --to earliest');
  });
});
