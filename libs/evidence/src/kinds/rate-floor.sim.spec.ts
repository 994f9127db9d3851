/** @module-tag long */
import { definition } from '#libs/testing/traffic';
import { expectFewFalseAlarms } from '#libs/testing/figures';
import { describe, it } from 'vitest';
import { evidenceDesign, type MetricDesign } from '../catalogue/evidence-design.js';
import type { JudgeContext } from './method.js';
import { rateMethod } from './rate-method.js';

const MARGIN = { kind: 'relative', value: 0.5, floor: 0.06 } as const;
const design = evidenceDesign(
  definition({ guardrails: [{ metric: 'error-rate', margin: MARGIN, rollbackOn: 'beyond-margin' }] }),
  1,
);
const metric = design.metrics.find(({ definition: { name } }) => name === 'error-rate') as MetricDesign;
const context = { alpha: 0.05 } as JudgeContext;
const SHARE = 0.3;

describe('a relative margin with a floor', () => {
  it('is rarely said to be exceeded or kept by a candidate that is worse by exactly as much', () => {
    expectFewFalseAlarms(
      51,
      ['harmful, floor', 'non-inferior, floor', 'harmful, percentage', 'non-inferior, percentage'],
      (random, look) => {
        // Where half of control's rate is less than the floor the floor counts, and the percentage where it is more.
        const cases = [
          { control: 0.01, candidate: 0.07 },
          { control: 0.2, candidate: 0.3 },
        ].map((rates) => ({ rates, state: rateMethod.initial(metric) }));
        for (let unit = 1; unit <= 1_200; unit++) {
          for (const { rates, state } of cases) {
            const arm = random.uniform() < SHARE ? 'candidate' : 'control';
            const value = Number(random.uniform() < rates[arm]);
            rateMethod.observe(
              state,
              metric,
              {
                arm,
                propensity: SHARE,
                value,
                denominator: 1,
                before: null,
                picture: null,
                isFirst: true,
                isAtRisk: true,
                window: 0,
              } as never,
              0,
            );
          }
          if (unit % 40 !== 0) continue;
          cases.forEach(({ state }, index) => {
            const { tests } = rateMethod.judge(state, metric, context);
            look(2 * index, tests?.harmful ?? 0);
            look(2 * index + 1, tests?.nonInferior ?? 0);
          });
        }
      },
    );
  });
});
