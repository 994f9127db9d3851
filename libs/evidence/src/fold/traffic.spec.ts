import { describe, expect, it } from 'vitest';
import { count, epochOf, initialTraffic, mergeTraffic, type Traffic } from './traffic.js';

function trafficOf(...epochs: readonly number[]): Traffic {
  const traffic = initialTraffic();
  for (const epoch of epochs) {
    const of = epochOf(traffic, epoch, 0, { control: 500_000, candidate: 500_000 });
    of.distinct += epoch;
    count(of.firstSeen, 'control');
    count(traffic.requests, 'control');
  }
  return traffic;
}

describe('traffic of two parts', () => {
  it('is that of one where the other had no requests, without a copy of every allocation', () => {
    const traffic = trafficOf(1, 2, 3);
    expect(mergeTraffic(traffic, initialTraffic()).epochs).toBe(traffic.epochs);
    expect(mergeTraffic(initialTraffic(), traffic).epochs).toBe(traffic.epochs);
  });

  it('has its allocations in their order, whichever part saw them first', () => {
    expect([...mergeTraffic(trafficOf(3, 1, 2), initialTraffic()).epochs.keys()]).toEqual([1, 2, 3]);
    const both = mergeTraffic(trafficOf(4, 2), trafficOf(3, 2));
    expect([...both.epochs].map(([epoch, { distinct }]) => [epoch, distinct])).toEqual([
      [2, 4],
      [3, 3],
      [4, 4],
    ]);
    expect(both.epochs.get(2)?.firstSeen.get('control')).toBe(2);
    expect(both.requests.get('control')).toBe(4);
  });
});
