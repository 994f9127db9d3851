/** @module-tag long */
import { describe, expect, it } from 'vitest';
import { type Played, playExperiment, queuedService } from '#libs/testing/delivery';
import { definition, type Machine } from '#libs/testing/traffic';

/** Both processes are nearly always busy, as where a machine is given as many requests as it carries. */
const BUSY: Machine = { underWay: 56, routerMs: 3, hostMs: 7, gpuMs: 72, stalls: { lastMs: 40, everyMs: Infinity } };

/** A canary with a shadow, which may enter at half of the traffic. */
function play(seed: number, machine: Machine, partitions: number): Played {
  const canary = definition({
    shadow: { pairs: 700, ratePpm: 1_000_000, concurrency: 16 },
    guardrails: [
      { metric: 'error-rate', margin: { kind: 'absolute', value: 0.01 }, rollbackOn: 'beyond-margin' },
      { metric: 'latency-p95', margin: { kind: 'relative', value: 0.15 }, rollbackOn: 'beyond-margin' },
    ],
    baselineUnits: 300,
  });
  const service = queuedService({ seed, definition: canary, machine, partitions });
  return playExperiment(service, { definition: canary, mostRequests: 6_000 });
}

describe('two equal variants whose processes have a queue each', () => {
  it.each([
    ['nearly always busy', BUSY, 1],
    ['nearly always busy, a log of four partitions', BUSY, 4],
  ])('are not told apart by whose queue was long for some seconds: %s', (_name, machine, partitions) => {
    const played = [1, 2, 3, 4].map((seed) => play(seed, machine, partitions));
    expect(played.map(({ phase }) => phase)).not.toContain('rolled-back');
    expect(played.every(({ exposed }) => exposed > 300)).toBe(true);
  });

  it('are told apart where one of them is slower all the time', () => {
    const slow = { ...BUSY, candidateFactor: 2.5 };
    const { phase, exposed } = play(1, slow, 4);
    expect({ phase, exposed }).toEqual({ phase: 'rolled-back', exposed: 0 });
  });
});
