import { describe, expect, it } from 'vitest';
import { AUTO_LADDER_PPM, type ExperimentSpec } from '#libs/contracts';
import { type Behaviour, definition } from '#libs/testing/traffic';
import { foldedService } from '#libs/testing/delivery';
import { type Play, playExperiment } from '#libs/testing/delivery';

const RAMP: ExperimentSpec['ramp'] = {
  kind: 'auto',
  stages: AUTO_LADDER_PPM.filter((ppm) => ppm >= 50_000).map((weightPpm) => ({
    weightPpm,
    atLeastMs: 0,
    atLeastUnits: 0,
    approval: 'none',
  })),
};

function play(
  seed: number,
  candidate: Behaviour,
  spec: Partial<ExperimentSpec> = {},
  options: Omit<Play, 'definition'> & { readonly drawn?: number } = {},
) {
  const { drawn = 1, ...rest } = options;
  const experiment = definition({ ramp: RAMP, unit: 'request', ...spec });
  const service = foldedService({ seed, definition: experiment, candidate, partitions: 4, drawn });
  return playExperiment(service, { definition: experiment, ...rest });
}

/** Limits are about three times the mean of long runs of `lab/bench/whole-rule.ts`. */
describe('a canary from 5 %, by the analyses and the decider that ship', () => {
  it('promotes an identical candidate, stage by stage', () => {
    for (const seed of [1, 2]) {
      const { phase, requests, commands } = play(seed, {});
      expect(phase).toBe('promoted');
      expect(requests).toBeLessThan(60_000);
      const shares = commands.map(({ weightsPpm }) => weightsPpm['candidate'] as number);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
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
    for (const seed of [1, 2, 3]) {
      const { phase, commands, exposed } = play(seed, candidate);
      expect(phase).toBe('rolled-back');
      expect(metrics).toContain(commands.at(-1)?.metric);
      expect(exposed).toBeLessThan(mostExposed);
    }
  });

  // A fifth of what was ordered: what a smaller fault has proven comes and goes for some requests where it has just sufficed.
  it('holds a split that was not ordered, and ends inconclusive when it stays so', () => {
    const { commands, phase } = play(1, {}, { holdAtMostMs: 20_000 }, { drawn: 0.2, mostRequests: 10_000 });
    expect(commands.map(({ reason }) => reason)).toEqual(['started', 'health-hold', 'inconclusive']);
    expect(phase).toBe('concluded');
  });

  it('holds where scores of the candidate are missing', () => {
    const { commands } = play(1, { coverage: 0.4 }, {}, { mostRequests: 6_000 });
    expect(commands.map(({ reason }) => reason)).toContain('health-hold');
  });
});

describe('an ab test, by the analyses and the decider that ship', () => {
  const ab = { kind: 'ab', objectives: [{ metric: 'cost-per-image', weight: 1 }], rope: 0.02 } as const;
  const halves: ExperimentSpec['ramp'] = {
    kind: 'explicit',
    stages: [{ weightPpm: 500_000, atLeastMs: 0, atLeastUnits: 0, approval: 'none' }],
  };
  const spec = { ...ab, objectives: [...ab.objectives], guardrails: [], ramp: halves };

  it('ends with the cheaper variant as the winner', () => {
    const { commands } = play(1, { costFactor: 0.7 }, spec, { mostRequests: 6_000 });
    expect(commands.at(-1)).toMatchObject({ command: 'conclude', reason: 'superior', weightsPpm: { candidate: 1e6 } });
  });

  it('ends as futile where the candidate can not be better by what matters', () => {
    const { commands } = play(2, { costFactor: 1.3 }, spec, { mostRequests: 6_000 });
    expect(commands.at(-1)).toMatchObject({ command: 'conclude', reason: 'futile', weightsPpm: { candidate: 0 } });
  });
});
