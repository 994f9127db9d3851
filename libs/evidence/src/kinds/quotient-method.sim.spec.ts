/** @module-tag long */
import { definition } from '#libs/testing/traffic';
import { expectFewFalseAlarms } from '#libs/testing/figures';
import { describe, it } from 'vitest';
import { metricCatalogue } from '../catalogue/metric-catalogue.js';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { incidenceMethod } from './incidence-method.js';
import { meanMethod } from './mean-method.js';
import type { JudgeContext, Observation } from './method.js';
import { quotientMethod } from './quotient-method.js';

const MARGIN = 0.3;
const SHARE = 0.3;
const design = evidenceDesign(
  definition({
    guardrails: [{ metric: 'q', margin: { kind: 'relative', value: MARGIN }, rollbackOn: 'beyond-margin' }],
    quotients: [{ name: 'q', of: 'cost-per-image', per: 'download-rate', direction: 'lower', unit: '' }],
  }),
  1,
  metricCatalogue.filter(({ name }) => name === 'cost-per-image' || name === 'download-rate'),
);
const metricOf = (name: string) => design.metrics.find(({ definition: of }) => of.name === name)!;
const [cost, deed, quotient] = ['cost-per-image', 'download-rate', 'q'].map(metricOf) as [
  ReturnType<typeof metricOf>,
  ReturnType<typeof metricOf>,
  ReturnType<typeof metricOf>,
];

describe('a quotient', () => {
  it('is rarely said to be worse by more than its margin, or by less, where it is worse by exactly as much', () => {
    // The whole change in the numerator, in the denominator, and in both; the parts depend on each other.
    const cases = [
      { cost: 1 + MARGIN, downloads: 1 },
      { cost: 1, downloads: 1 / (1 + MARGIN) },
      { cost: 1.5, downloads: 1.5 / (1 + MARGIN) },
    ];
    const tests = cases.flatMap((_, index) => [`harmful ${index}`, `non-inferior ${index}`]);
    expectFewFalseAlarms(83, tests, (random, look) => {
      const states = cases.map(() => ({ cost: meanMethod.initial(cost), deed: incidenceMethod.initial(deed) }));
      for (let unit = 1; unit <= 240; unit++) {
        const arm = random.uniform() < SHARE ? 'candidate' : 'control';
        const draw = random.uniform();
        const noise = Math.exp(0.3 * random.normal()) * (draw < 0.2 ? 1.3 : 1);
        const seen = { arm, propensity: SHARE, isFirst: true, promptClass: null } as unknown as Observation;
        cases.forEach((of, index) => {
          const isCandidate = arm === 'candidate';
          const { cost: spent, deed: deeds } = states[index]!;
          meanMethod.observe(spent, cost, { ...seen, value: noise * (isCandidate ? of.cost : 1) }, 60);
          if (draw < 0.4 * (isCandidate ? of.downloads : 1)) incidenceMethod.observe(deeds, deed, seen, 0);
          if (unit % 30 !== 0) return;
          const context = {
            alpha: 0.05,
            states: new Map<string, { kind: string }>([
              ['cost-per-image', spent],
              ['download-rate', deeds],
            ]),
            unitsSeen: () => ({ control: unit, candidate: unit }),
          } as unknown as JudgeContext;
          const { tests: found } = quotientMethod.judge({ kind: 'quotient' }, quotient, context);
          look(2 * index, found?.harmful ?? 0);
          look(2 * index + 1, found?.nonInferior ?? 0);
        });
      }
    });
  });
});
