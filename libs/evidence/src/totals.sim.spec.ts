import { parseExperimentFile } from '#libs/contracts';
import { expectFewFalseAlarms } from '#libs/testing/figures';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { describe, it } from 'vitest';
import { evidenceDesign, foldEvent, initialEvidence, knownMetrics, type ObservedEvent } from './index.js';
import { meanMethod } from './kinds/mean-method.js';
import type { JudgeContext } from './kinds/method.js';

const WINDOW_MS = 10_000;
const USERS = 200;
const BETWEEN_USERS_MS = 100;
/** The shares change in the middle, with windows open. */
const CHANGES_AT_MS = (USERS / 2) * BETWEEN_USERS_MS;
const SHARES = [0.3, 0.5] as const;

const file = `apiVersion: teststrip/v1
key: exp
service: text-to-image
kind: canary
variants:
  control: { upstream: "http://control:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: fp16 } }
  candidate: { upstream: "http://candidate:8000", config: { checkpoint: scenes, sampler: ddim, steps: 20, precision: int8 } }
ramp: [{ weight: 30% }, { weight: 50% }, { weight: 100% }]
guardrails: [{ metric: requests, margin: -0.5 }, { metric: error-rate, margin: +0.5pp }, { metric: delivery-rate, off: true }]
metrics: [{ name: requests, path: request.routed.v1, kind: total, window: 10s, direction: higher }]
baselineUnits: 30
`;
const spec = parseExperimentFile(file, 'experiment.yaml', knownMetrics);
// Only the total is folded.
const design = evidenceDesign({ ...definition(), spec }, 1, []);
const metric = design.metrics.find(({ definition: { name } }) => name === 'requests')!;
const [template] = new SimulatedTraffic(1).next() as [ObservedEvent & { readonly type: 'request.routed.v1' }];

/** Requests in their order: users come one after another and come back at random, those of the candidate `fewer` times less in a window. */
function requests(random: SimulationRandom, fewer: number): readonly ObservedEvent[] {
  const visits = Array.from({ length: USERS }, (_, user) => {
    const bucket = random.uniform();
    const beganMs = user * BETWEEN_USERS_MS;
    const visit = (atMs: number) => {
      const isLater = atMs >= CHANGES_AT_MS;
      return { unit: `u${user}`, atMs, isLater, isCandidate: bucket < SHARES[isLater ? 1 : 0] };
    };
    const all = [visit(beganMs)];
    for (let atMs = beganMs; ;) {
      const perWindow = 1.5 - (all.at(-1)?.isCandidate ? fewer : 0);
      atMs += (-Math.log(1 - random.uniform()) * WINDOW_MS) / perWindow;
      if (atMs > beganMs + 1.2 * WINDOW_MS) return all;
      all.push(visit(atMs));
    }
  });
  return visits
    .flat()
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ unit, atMs, isLater, isCandidate }) => {
      const share = SHARES[isLater ? 1 : 0];
      const weightsPpm = { control: Math.round(1e6 * (1 - share)), candidate: Math.round(1e6 * share) };
      const variant = isCandidate ? 'candidate' : 'control';
      const assignment = {
        ...template.data.assignment!,
        unit,
        variant,
        epoch: isLater ? 2 : 1,
        stage: isLater ? 1 : 0,
        propensity: weightsPpm[variant] / 1e6,
        weightsPpm,
      };
      const time = new Date(atMs).toISOString();
      return { ...template, id: `${unit}-${atMs}`, subject: unit, time, data: { ...template.data, assignment } };
    });
}

describe('a total per unit', () => {
  it('is rarely said to be worse by more than its margin, or by less, where it is worse by exactly as much', () => {
    expectFewFalseAlarms(71, ['harmful', 'non-inferior'], (random, look) => {
      const evidence = initialEvidence(design, 'request.routed.v1');
      requests(random, 0.5).forEach((event, index) => {
        foldEvent(evidence, design, event);
        const state = evidence.pairs.get('candidate')?.metrics.get('requests');
        if (index % 100 !== 99 || state?.kind !== 'mean') return;
        const { tests } = meanMethod.judge(state, metric, { alpha: 0.05 } as JudgeContext);
        look(0, tests?.harmful ?? 0);
        look(1, tests?.nonInferior ?? 0);
      });
    });
  });
});
