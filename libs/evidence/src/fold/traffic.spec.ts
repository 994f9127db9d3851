import { describe, expect, it } from 'vitest';
import { allocationOf } from './allocation.js';
import {
  count,
  decodeTraffic,
  drawsOf,
  encodeTraffic,
  initialTraffic,
  mergeTraffic,
  type Traffic,
  trafficUnder,
  underEpoch,
} from './traffic.js';

/** An epoch's requests of so many new units, of which the candidate gets `share`. */
function add(traffic: Traffic, epoch: number, share: number, { units = 1, stage = 0 } = {}): void {
  const candidate = Math.round(1_000_000 * share);
  const allocation = allocationOf({ stage, weightsPpm: { control: 1_000_000 - candidate, candidate } });
  for (let unit = 0; unit < units; unit++) {
    const under = trafficUnder(traffic, allocation, epoch);
    const variant = unit % Math.round(1 / share) === 0 ? 'candidate' : 'control';
    under.distinct += 1;
    under.squaredRequests += 1;
    count(under.firstSeen, variant);
    count(under.requests, variant);
    count(traffic.requests, variant);
  }
}

function trafficOf(...parts: readonly (readonly [epoch: number, share: number])[]): Traffic {
  const traffic = initialTraffic();
  for (const [epoch, share] of parts) add(traffic, epoch, share);
  return traffic;
}

describe('what is kept of allocations', () => {
  it('grows with the shares that there were, not with the epochs of the service', () => {
    const traffic = initialTraffic();
    for (let epoch = 1; epoch <= 300; epoch++) add(traffic, epoch, 0.01 * (1 + (epoch % 5)), { units: 200 });
    expect(traffic.allocations.size).toBe(5);
    expect(drawsOf(traffic).requests).toBe(60_000);
    expect(underEpoch(traffic, 300)?.distinct).toBe(12_000);
    expect(underEpoch(traffic, 299)?.distinct).toBe(12_000);
    expect(underEpoch(traffic, 294)).toBeUndefined();
  });

  it('tells stages with the same shares apart, and not the order in which shares are written', () => {
    const traffic = initialTraffic();
    add(traffic, 1, 0.5, { stage: 0 });
    add(traffic, 2, 0.5, { stage: 1 });
    expect(traffic.allocations.size).toBe(2);
    const [one, other] = [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ].map((weightsPpm) => allocationOf({ stage: 0, weightsPpm }));
    expect(one?.key).toBe(other?.key);
    expect(one?.mark).toBe(other?.mark);
    expect(one?.mark).toBeGreaterThanOrEqual(2 ** 31);
  });

  it('is bounded where all are unlike, and their sums stay what they are', () => {
    const traffic = initialTraffic();
    const [few, many] = [initialTraffic(), initialTraffic()];
    for (let epoch = 1; epoch <= 300; epoch++) {
      add(traffic, epoch, 1 / (epoch + 1), { units: 100 });
      add(epoch <= 150 ? few : many, epoch, 1 / (epoch + 1), { units: 100 });
    }
    expect(traffic.allocations.size).toBe(32);
    const draws = drawsOf(traffic);
    expect(draws.requests).toBe(30_000);
    expect((draws.firstSeen.get('control') ?? 0) + (draws.firstSeen.get('candidate') ?? 0)).toBe(30_000);
    const expected = [...draws.variants.values()].reduce((sum, { expectedUnits }) => sum + expectedUnits, 0);
    expect(expected).toBeCloseTo(30_000, 6);
    const ofBoth = drawsOf(mergeTraffic(few, many));
    expect(ofBoth.lnE).toBeCloseTo(draws.lnE, 6);
    expect(ofBoth.variants.get('candidate')?.variance).toBeCloseTo(draws.variants.get('candidate')?.variance ?? 0, 6);
  });

  it('comes back from a snapshot as it was', () => {
    const traffic = trafficOf(...Array.from({ length: 40 }, (_, index) => [index + 1, 1 / (index + 2)] as const));
    const stored = JSON.parse(JSON.stringify(encodeTraffic(traffic))) as ReturnType<typeof encodeTraffic>;
    expect(stored.settled).toBeDefined();
    expect(decodeTraffic(stored)).toEqual(traffic);
  });

  it('is made of what was stored by epochs', () => {
    const under = { stage: 1, weightsPpm: { control: 900_000, candidate: 100_000 } };
    const epochs = [9, 4].map((epoch) => ({
      epoch,
      ...under,
      firstSeen: [['control', 90] as const, ['candidate', 10] as const],
      requests: [['control', 180] as const, ['candidate', 20] as const],
      squaredRequests: 400,
      distinct: 100 + epoch,
    }));
    const traffic = decodeTraffic({
      requests: [
        ['control', 360],
        ['candidate', 40],
      ],
      epochs,
    });
    expect(traffic.allocations.size).toBe(1);
    expect(drawsOf(traffic)).toMatchObject({ requests: 400, squaredRequests: 800 });
    expect(drawsOf(traffic).firstSeen).toEqual(
      new Map([
        ['control', 180],
        ['candidate', 20],
      ]),
    );
    expect(underEpoch(traffic, 9)?.distinct).toBe(109);
    expect(traffic.sharesBefore).toEqual(
      new Map([
        [4, under.weightsPpm],
        [9, under.weightsPpm],
      ]),
    );
  });
});

describe('traffic of two parts', () => {
  it('is that of one where the other had no requests, without a copy of every allocation', () => {
    const traffic = trafficOf([1, 0.1], [2, 0.2], [3, 0.5]);
    expect(mergeTraffic(traffic, initialTraffic()).allocations).toBe(traffic.allocations);
    expect(mergeTraffic(initialTraffic(), traffic).allocations).toBe(traffic.allocations);
  });

  it('sums up the same whichever part saw an allocation first', () => {
    const [one, other] = [trafficOf([3, 0.5], [1, 0.1], [2, 0.2]), trafficOf([2, 0.2], [4, 0.5])];
    const both = mergeTraffic(one, other);
    expect(both.allocations.size).toBe(3);
    expect(underEpoch(both, 4)?.distinct).toBe(2);
    expect(underEpoch(both, 3)).toBeUndefined();
    expect(both.requests.get('candidate')).toBe(5);
    expect(drawsOf(both)).toEqual(drawsOf(mergeTraffic(other, one)));
  });
});
