import { describe, expect, it } from 'vitest';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { growthBookSafeRollout, growthBookSequential } from './growthbook-rule.js';
import { kayentaEveryMinute } from './kayenta-rule.js';
import type { PeerDecision, PeerRule, PeerSituation } from './peer-rule.js';
import { pipeCd } from './pipecd-rule.js';
import { argoRollouts, flagger } from './threshold-rules.js';

const WATCHED = 30_000;

/** How many of `runs` canaries of an hour end in each way. */
function endings(
  rule: PeerRule,
  situation: PeerSituation,
  draw: (random: SimulationRandom, isCandidate: boolean) => number,
  runs: number,
): Readonly<Record<PeerDecision, number>> {
  const ends = { rollback: 0, promote: 0, undecided: 0 };
  for (let seed = 1; seed <= runs; seed++) {
    const random = simulationRandom(seed);
    const run = rule.start(situation);
    let decision: PeerDecision = 'undecided';
    for (let unit = 1; unit <= WATCHED && decision === 'undecided'; unit++) {
      const isCandidate = random.uniform() < situation.share;
      run.observe(isCandidate, draw(random, isCandidate));
      if (unit % (rule.everyUnits ?? 1) === 0) decision = run.decide();
    }
    ends[decision] += 1;
  }
  return ends;
}

const alignment = (shift: number) => (random: SimulationRandom, isCandidate: boolean) =>
  0.3 + 0.035 * random.normal() + (isCandidate ? shift : 0);
const thumbsUp = (random: SimulationRandom) => (random.uniform() < 0.02 ? 1 : 0);

const ofAlignment = { share: 0.5, margin: 0.003, worse: 'lower', alpha: 0.05 } as const;
const ofThumbs = { share: 0.05, margin: 0.005, worse: 'lower', alpha: 0.05 } as const;

describe('the peers, simulated', () => {
  it.each([growthBookSequential, growthBookSafeRollout, kayentaEveryMinute, pipeCd, flagger, argoRollouts])(
    '$name rolls back a candidate whose alignment is 10 % lower',
    (rule) => {
      expect(endings(rule, ofAlignment, alignment(-0.03), 10)).toEqual({ rollback: 10, promote: 0, undecided: 0 });
    },
  );

  it("GrowthBook keeps its α at half of the traffic: safe rollout's false rollbacks of an equal candidate", () => {
    // .035 of 400 runs with other seeds; if it were .05, 6 or more of 40 would come with probability .014.
    expect(endings(growthBookSafeRollout, ofAlignment, alignment(0), 40).rollback).toBeLessThan(6);
  });

  it('GrowthBook loses its α at 5 % of the traffic where the metric is rare: each variance from its own few events', () => {
    // .14 of 400 runs with other seeds; if it were .05, 10 or more of 100 would come with probability .03.
    expect(endings(growthBookSafeRollout, ofThumbs, thumbsUp, 100).rollback).toBeGreaterThanOrEqual(10);
  });

  it('PipeCD rolls few equal candidates back at half of the traffic: two of six tests at 5 % have to fail', () => {
    // P(Binomial(6, .05) ≥ 2) = .033; 9 or more of 100 would come of that with probability .006.
    expect(endings(pipeCd, ofAlignment, alignment(0), 100).rollback).toBeLessThan(9);
  });

  it('Flagger and Argo Rollouts roll equal candidates back where a window holds too little to know', () => {
    for (const rule of [flagger, argoRollouts]) {
      expect(endings(rule, ofThumbs, thumbsUp, 40).rollback).toBeGreaterThan(16);
    }
  });
});
