import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WeightsPpm } from '#libs/contracts';
import type { ServiceRoute } from '../routing/routing-table.js';
import type { Split } from './split.js';
import { aRoute } from './test/a-route.js';
import { WeightsKeeper, type Settled } from './weights-keeper.js';
import type { WeightsTarget } from './weights-target.js';

let keeper: WeightsKeeper;
let nowMs = 0;
let route: ServiceRoute;
let epoch = 0;
let isLost = false;
let settled: Settled[] = [];
let troubles: string[] = [];
/** Shares of the candidate, as the proxy was told. */
let told: number[] = [];
let behaviour: (candidatePpm: number, signal: AbortSignal) => Promise<void> = () => Promise.resolve();
let isServed = true;

const target: WeightsTarget = {
  service: 'images',
  name: 'a proxy',
  abilities: { stepPpm: 100, isSticky: true },
  seenWithinMs: 10_000,
  planOf: (split) => ({
    key: JSON.stringify(split),
    apply: async (signal) => {
      const candidatePpm = shareOf(split);
      told.push(candidatePpm);
      await behaviour(candidatePpm, signal);
    },
    isServed: () => Promise.resolve(isServed),
  }),
};
const shareOf = ({ targets }: Split): number => targets[1]?.sharePpm ?? 0;

function begin(): void {
  [nowMs, epoch, isLost, isServed, settled, told, troubles] = [0, 0, false, true, [], [], []];
  behaviour = () => Promise.resolve();
  keeper = new WeightsKeeper({
    targets: [target],
    allocations: {
      routeOf: () => route,
      epochs: () => ({ images: epoch }),
      isFailSafe: () => isLost,
    },
    isReady: () => true,
    onSettled: (_service, how) => settled.push(how),
    onTrouble: (message) => troubles.push(message),
    nowMs: () => nowMs,
  });
}
afterEach(() => keeper.close());

function order(weightsPpm: WeightsPpm): void {
  epoch += 1;
  route = aRoute(weightsPpm, { epoch, service: 'images' });
  keeper.look();
}
const claimed = (): unknown => keeper.claimable({ images: epoch });
const half = { control: 500_000, candidate: 500_000 };
const none = { control: 1_000_000, candidate: 0 };

describe('the keeper of weights', () => {
  it('claims an order when it was seen to be served, not before', async () => {
    begin();
    let seen: (() => void) | undefined;
    behaviour = () => new Promise((resolve) => (seen = resolve));
    order(half);
    await vi.waitFor(() => expect(told).toEqual([500_000]));
    expect(claimed()).toEqual({ images: 0 });
    seen?.();
    await vi.waitFor(() => expect(settled).toEqual([{ epoch: 1, refusal: null }]));
    expect(claimed()).toEqual({ images: 1 });
    expect(keeper.claimable({ images: 1, other: 9 })).toEqual({ images: 1, other: 9 });
  });

  it('lets no order hold up a rollback', async () => {
    begin();
    behaviour = (share, signal) =>
      share === 0
        ? Promise.resolve()
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('interrupted'))));
    order(half);
    await vi.waitFor(() => expect(told).toEqual([500_000]));
    order(none);
    await vi.waitFor(() => expect(settled).toEqual([{ epoch: 2, refusal: null }]));
    expect(told).toEqual([500_000, 0]);
  });

  it('serves the baseline where an order is not followed, says why, and tries it again', async () => {
    begin();
    behaviour = (share) => (share > 0 ? Promise.reject(new Error('no such host')) : Promise.resolve());
    order(half);
    await vi.waitFor(() => expect(told).toEqual([500_000, 0]));
    expect(settled).toEqual([{ epoch: 1, refusal: 'no such host' }]);
    expect(claimed()).toEqual({ images: 0 });
    behaviour = () => Promise.resolve();
    nowMs = 10_001;
    keeper.look();
    await vi.waitFor(() => expect(settled.at(-1)).toEqual({ epoch: 1, refusal: null }));
    expect(claimed()).toEqual({ images: 1 });
  });

  it('says once a minute that a proxy is away, however often it tries', async () => {
    begin();
    behaviour = () => Promise.reject(new Error('it is away'));
    order(half);
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(3), { timeout: 5_000 });
    expect(troubles).toEqual(['a proxy: does not follow epoch 1: it is away']);
    nowMs = 60_000;
    await vi.waitFor(() => expect(troubles).toHaveLength(2), { timeout: 5_000 });
    order(none);
    await vi.waitFor(() => expect(troubles.at(-1)).toBe('a proxy: does not follow epoch 2: it is away'));
  });

  it('sends everybody to control while the controller is lost', async () => {
    begin();
    order(half);
    await vi.waitFor(() => expect(settled).toHaveLength(1));
    isLost = true;
    keeper.look();
    await vi.waitFor(() => expect(told).toEqual([500_000, 0]));
    isLost = false;
    keeper.look();
    await vi.waitFor(() => expect(told).toEqual([500_000, 0, 500_000]));
  });

  it('notices that a proxy serves something else, and claims nothing until it does not', async () => {
    begin();
    order(half);
    await vi.waitFor(() => expect(settled).toHaveLength(1));
    isServed = false;
    behaviour = () => new Promise(() => undefined);
    nowMs = 5_001;
    keeper.look();
    await vi.waitFor(() => expect(told).toEqual([500_000, 500_000]));
    expect(claimed()).toEqual({ images: 0 });
  });
});
