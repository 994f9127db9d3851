/** @module-tag long */
import { describe, expect, it } from 'vitest';
import type { ObjectiveAnalysis } from '#libs/contracts';
import { type Behaviour, definition, SimulatedTraffic } from '#libs/testing/traffic';
import {
  analyse,
  type Evidence,
  evidenceDesign,
  foldEvent,
  memoryKey,
  initialEvidence,
  mergeEvidence,
} from '../../index.js';

const PARTITIONS = 2;

const design = evidenceDesign(
  definition({
    kind: 'ab',
    unit: 'request',
    guardrails: [],
    objectives: [
      { metric: 'alignment', weight: 2 },
      { metric: 'cost-per-image', weight: 1 },
    ],
    rope: 0.02,
    baselineUnits: 100,
  }),
  PARTITIONS,
);

/** The objectives after so many requests, half of them the candidate's; `everyRequests` looks on the way, too. */
function play(seed: number, candidate: Behaviour, requests: number, everyRequests = requests): ObjectiveAnalysis[] {
  const traffic = new SimulatedTraffic(seed, { candidate });
  traffic.candidateShare = 0.5;
  const parts = new Map<string, Evidence>();
  const looks: ObjectiveAnalysis[] = [];
  for (let request = 1; request <= requests; request++) {
    for (const event of traffic.next()) {
      const place = `${event.type}/${memoryKey(event.subject) % PARTITIONS}`;
      const evidence = parts.get(place) ?? initialEvidence(design);
      parts.set(place, evidence);
      foldEvent(evidence, design, event);
    }
    if (request % everyRequests === 0) {
      const { objectives } = analyse([...parts.values()].reduce(mergeEvidence), design, 0);
      looks.push(objectives?.candidates[0] as ObjectiveAnalysis);
    }
  }
  return looks;
}

const verdict = (seed: number, candidate: Behaviour, requests: number): string =>
  play(seed, candidate, requests).at(-1)?.utility.verdict ?? 'none';

describe('an ab test with two objectives', () => {
  it('finds the better variant, the worse one, and the one that is equal for all that matters', () => {
    expect(verdict(1, { costFactor: 0.7 }, 3_000)).toBe('better');
    expect(verdict(2, { alignment: 0.27 }, 3_000)).toBe('worse');
    expect(verdict(3, {}, 8_000)).toBe('practically-equal');
  });

  it('weighs a loss against a gain', () => {
    const [last] = play(4, { alignment: 0.285, costFactor: 0.9 }, 3_000);
    const [alignment, cost] = last?.gains ?? [];
    expect(alignment?.estimate).toBeCloseTo(-0.05, 1);
    expect(cost?.estimate).toBeCloseTo(0.1, 1);
    expect(last?.utility.estimate).toBeCloseTo((2 * (alignment?.estimate ?? 0) + (cost?.estimate ?? 0)) / 3, 12);
    expect(last?.utility.interval?.low).toBeLessThan(last?.utility.estimate as number);
    expect(last?.utility.interval?.high).toBeGreaterThan(last?.utility.estimate as number);
  });

  it('covers no difference at every look in all but α of the runs', () => {
    const runs = 40;
    let missed = 0;
    for (let seed = 100; seed < 100 + runs; seed++) {
      const isMissed = play(seed, { alignmentSpread: 0.07 }, 400, 80).some(
        ({ utility: { interval } }) => interval !== null && (interval.low > 0 || interval.high < 0),
      );
      if (isMissed) missed += 1;
    }
    expect(missed / runs).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / runs));
  });
});
