import { describe, expect, it } from 'vitest';
import type { Behaviour } from '../test/simulated-traffic.js';
import { playWholeRule } from '../test/whole-rule.js';

function play(candidate: Behaviour, seeds: readonly number[]) {
  return seeds.map((seed) => playWholeRule({ seed, fromPpm: 50_000, partitions: 4, candidate }));
}

/** Limits are about three times the mean of long runs of `lab/bench/whole-rule.ts`. */
describe('the whole rule, a ramp from 5 %', () => {
  it('promotes an identical candidate', () => {
    for (const { outcome, requests } of play({}, [1, 2])) {
      expect(outcome).toBe('promoted');
      expect(requests).toBeLessThan(60_000);
    }
  });

  const faults: readonly (readonly [string, Behaviour, readonly string[], number])[] = [
    ['pictures 10 % off', { alignment: 0.27 }, ['alignment', 'wrong-pictures'], 120],
    ['20 % wrong pictures', { wrongShare: 0.2 }, ['alignment', 'wrong-pictures'], 80],
    ['5 % wrong pictures', { wrongShare: 0.05 }, ['alignment', 'wrong-pictures'], 400],
    ['twice the latency', { latencyFactor: 2 }, ['latency-p95'], 40],
    ['10 % errors', { errorRate: 0.1 }, ['error-rate'], 200],
    ['15 % more cost', { costFactor: 1.15 }, ['cost-per-image'], 160],
  ];
  it.each(faults)('rolls back %s before many have seen it', (_name, candidate, metrics, mostExposed) => {
    for (const { outcome, metric, exposed } of play(candidate, [1, 2, 3])) {
      expect(outcome).toBe('rolled-back');
      expect(metrics).toContain(metric);
      expect(exposed).toBeLessThan(mostExposed);
    }
  });
});
