import { describe, expect, it } from 'vitest';
import type { ShadowStage } from '#libs/contracts';
import { type Played, playExperiment, shadowedService } from '#libs/testing/delivery';
import { type Behaviour, definition } from '#libs/testing/traffic';

/** Plays a canary with the usual guardrails and a shadow, all events through the evidence, the decider that ships deciding. */
function play(seed: number, candidate: Behaviour, shadow: Partial<ShadowStage>, mostRequests = 20_000): Played {
  const canary = definition({ shadow: { pairs: 300, ratePpm: 200_000, concurrency: 8, ...shadow } });
  return playExperiment(shadowedService({ seed, definition: canary, candidate }), {
    definition: canary,
    mostRequests,
  });
}

describe('a shadow before the ramp', () => {
  it.each<[string, Behaviour, Partial<ShadowStage>]>([
    ['a fifth of the pictures wrong', { wrongShare: 0.2 }, {}],
    ['alignment −10 %', { alignment: 0.27 }, {}],
    ['latency × 1.5', { latencyFactor: 1.5 }, {}],
    ['cost +15 %', { costFactor: 1.15 }, {}],
    ['errors 6 %', { errorRate: 0.06 }, { pairs: 700 }],
  ])('rolls back with nobody exposed: %s', (_name, candidate, shadow) => {
    const { phase, exposed, commands } = play(1, candidate, shadow);
    expect({ phase, exposed, said: commands.map(({ command, reason }) => `${command}: ${reason}`) }).toEqual({
      phase: 'rolled-back',
      exposed: 0,
      said: ['start: started', 'rollback: harmful'],
    });
  });

  it('lets an equal candidate begin at 10 % or more', () => {
    for (const seed of [1, 2]) {
      const { commands } = play(seed, {}, { pairs: 350, ratePpm: 1_000_000 }, 1_200);
      const [, first] = commands;
      expect(first).toMatchObject({ command: 'advance', reason: 'budget-proven' });
      expect(first?.weightsPpm['candidate']).toBeGreaterThanOrEqual(100_000);
    }
  });
});
