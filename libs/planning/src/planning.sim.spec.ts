/** @module-tag long */
import { describe, expect, it } from 'vitest';
import {
  type Arm,
  bet,
  betNested,
  type BettingDesign,
  FAR_TAIL_SHARE,
  hit,
  initialBetting,
  initialNestedBetting,
  initialTilt,
  lnEHarmful,
  lnELessOften,
  proofWeights,
  lnEMoreOften,
  lnENestedHarmful,
  lnENestedNonInferior,
  lnENonInferior,
  lnETailMoreOften,
  nestedBettingDesign,
  nestedRanges,
} from '#libs/statistics';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { courseOfRamp } from './course-of-ramp.js';
import type { PlannedMetric } from './planned-metric.js';
import { unitsToDetect, unitsToProve } from './units-to-decide.js';
import { pointOfRuns } from './spread-of-runs.js';

const ALPHA = 0.05;
const THRESHOLD = -Math.log(ALPHA);
const MOST_UNITS = 60_000;

/** Plays the deciding method itself, value by value. */
type Play = (random: SimulationRandom, share: number) => (arm: Arm) => boolean;

interface Case {
  readonly what: string;
  readonly metric: PlannedMetric;
  readonly effect: number;
  readonly margin: number;
  readonly share: number;
  readonly runs: number;
  readonly wanted: 'harmful' | 'non-inferior';
  readonly play: Play;
}

const cases: readonly Case[] = [
  {
    what: 'a mean at a small share',
    metric: { kind: 'mean', mean: 0.3, spread: 0.035 },
    effect: 0.02,
    margin: 0.005,
    share: 0.05,
    runs: 300,
    wanted: 'harmful',
    play: mean(0.3, 0.035, 0.02, 0.005, 'harmful'),
  },
  {
    what: 'a mean of equal variants',
    metric: { kind: 'mean', mean: 0.3, spread: 0.035 },
    effect: 0,
    margin: 0.01,
    share: 0.5,
    runs: 500,
    wanted: 'non-inferior',
    play: mean(0.3, 0.035, 0, 0.01, 'non-inferior'),
  },
  {
    what: 'an error rate',
    metric: { kind: 'rate', rate: 0.01 },
    effect: 0.09,
    margin: 0.005,
    share: 0.1,
    runs: 500,
    wanted: 'harmful',
    play: errors(0.01, 0.09, 0.005, 'harmful'),
  },
  {
    what: 'an error rate of equal variants',
    metric: { kind: 'rate', rate: 0.01 },
    effect: 0,
    margin: 0.02,
    share: 0.5,
    runs: 600,
    wanted: 'non-inferior',
    play: errors(0.01, 0, 0.02, 'non-inferior'),
  },
  {
    what: 'a rate with a relative margin',
    metric: { kind: 'relative-rate', rate: 0.02 },
    effect: 3,
    margin: 0.5,
    share: 0.2,
    runs: 500,
    wanted: 'harmful',
    play: tilted((random, arm) => random.uniform() < (arm === 'candidate' ? 0.08 : 0.02), Math.log(1.5), 'harmful'),
  },
  {
    what: 'a lower tail',
    metric: { kind: 'lower-tail', tailShare: 0.02 },
    effect: 3,
    margin: 0.5,
    share: 0.2,
    runs: 500,
    wanted: 'harmful',
    play: nestedTails(0.02, 3, Math.log(1.5)),
  },
  {
    what: 'an upper tail',
    metric: { kind: 'upper-tail', lnSpread: 0.3 },
    effect: 0.4,
    margin: 0.1,
    share: 0.1,
    runs: 500,
    wanted: 'harmful',
    // The 95th percentile of a standard normal.
    play: tilted(
      (random, arm) => 0.3 * random.normal() + (arm === 'candidate' ? Math.log(1.4 / 1.1) : 0) > 0.3 * 1.6448536,
      0,
      'harmful',
    ),
  },
];

describe('units to decide, against the deciding method looked at after every unit', () => {
  it.each(cases.map((one) => [`${one.what}: ${one.wanted}`, one] as const))(
    '%s',
    (_what, { metric, effect, margin, share, runs, wanted, play }) => {
      const question = { metric, effect, margin, share, alpha: ALPHA, power: 0.8, runs: 1_000 };
      const planned = wanted === 'harmful' ? unitsToDetect(question) : unitsToProve(question);
      if (planned.missing !== null) throw new Error(planned.missing);
      const ends = Array.from({ length: runs }, (_, run) => unitsUntil(simulationRandom(500 + run), share, play));
      for (const [p, at, error] of [
        [0.5, planned.median, planned.standardError],
        [0.8, planned.units, planned.unitsStandardError],
      ] as const) {
        const direct = pointOfRuns(ends, p);
        const allowed = 3.5 * Math.hypot(direct.standardError as number, error as number) + 0.01 * (at as number);
        expect(Math.abs((direct.at as number) - (at as number))).toBeLessThan(allowed);
        // The comparison means something only if both are known well.
        expect(allowed).toBeLessThan(0.4 * (at as number));
      }
    },
  );
});

describe('the course of a ramp, against the rule played unit by unit', () => {
  const ladderPpm = [50_000, 100_000, 200_000, 500_000, 1_000_000];
  const margin = 0.01;
  const metric: PlannedMetric = { kind: 'mean', mean: 0.3, spread: 0.035 };
  it.each([
    ['an equal candidate', 0, 120],
    ['a bad one', 0.03, 300],
  ])('%s', (_what, effect, runs) => {
    const course = courseOfRamp({
      guardrails: [{ name: 'alignment', metric, margin, effect }],
      ladderPpm,
      alpha: ALPHA,
      baselineUnits: 0,
      runs: 300,
    });
    if (course.missing !== null) throw new Error(course.missing);
    const ends = Array.from({ length: runs }, (_, run) => playRamp(simulationRandom(900 + run), effect));
    const isPromoted = effect < margin;
    const until = isPromoted ? course.untilPromotion : course.untilRollback;
    expect(isPromoted ? course.promoted : course.rolledBack).toBeGreaterThan(0.93);
    expect(ends.filter((end) => end.isPromoted === isPromoted).length / runs).toBeGreaterThan(0.93);
    for (const [values, planned] of [
      [ends.map(({ units }) => units), until?.units],
      [ends.map(({ candidateUnits }) => candidateUnits), until?.candidateUnits],
    ] as const) {
      const direct = pointOfRuns(values, 0.5);
      const allowed =
        3.5 * Math.hypot(direct.standardError as number, planned?.standardError as number) +
        0.02 * (planned?.median as number);
      expect(Math.abs((direct.at as number) - (planned?.median as number))).toBeLessThan(allowed);
      expect(allowed).toBeLessThan(0.6 * (planned?.median as number));
    }
  });

  function playRamp(random: SimulationRandom, effect: number) {
    const shares = ladderPpm.map((ppm) => ppm / 1e6);
    const design = nestedBettingDesign(nestedRanges({ mean: 0.3, spread: 0.035 }, margin), {
      harmfulAt: margin,
      steps: shares.slice(1).map((share) => ({ share, margin: margin / share })),
    });
    const state = initialNestedBetting(design);
    let rung = 0;
    let candidateUnits = 0;
    for (let units = 1; ; units++) {
      const share = shares[rung] as number;
      const isCandidate = random.uniform() < share;
      if (isCandidate) candidateUnits += 1;
      const value = 0.3 - (isCandidate ? effect : 0) + 0.035 * random.normal();
      betNested(state, design, isCandidate ? 'candidate' : 'control', share, value);
      if (lnENestedHarmful(state) >= THRESHOLD) return { isPromoted: false, units, candidateUnits };
      for (let target = shares.length - 1; target > rung; target--) {
        if (lnENestedNonInferior(state, design, target - 1) < THRESHOLD) continue;
        rung = target;
        break;
      }
      if (rung === shares.length - 1) return { isPromoted: true, units, candidateUnits };
    }
  }
});

function unitsUntil(random: SimulationRandom, share: number, play: Play): number {
  const rejectsAfter = play(random, share);
  for (let units = 1; units <= MOST_UNITS; units++) {
    if (rejectsAfter(random.uniform() < share ? 'candidate' : 'control')) return units;
  }
  return Infinity;
}

function mean(centre: number, spread: number, effect: number, margin: number, wanted: Case['wanted']): Play {
  const bounds = nestedRanges({ mean: centre, spread }, margin);
  const design = nestedBettingDesign(bounds, { harmfulAt: margin, steps: [{ share: 1, margin }] });
  return (random, share) => {
    const state = initialNestedBetting(design);
    return (arm) => {
      betNested(state, design, arm, share, centre - (arm === 'candidate' ? effect : 0) + spread * random.normal());
      return (wanted === 'harmful' ? lnENestedHarmful(state) : lnENestedNonInferior(state, design, 0)) >= THRESHOLD;
    };
  };
}

function errors(rate: number, effect: number, margin: number, wanted: Case['wanted']): Play {
  return betting({ lo: -1, hi: 0, expected: -0.01 }, margin, wanted, (random, arm) =>
    random.uniform() < rate + (arm === 'candidate' ? effect : 0) ? -1 : 0,
  );
}

function betting(
  range: Pick<BettingDesign, 'lo' | 'hi' | 'expected' | 'widening'>,
  margin: number,
  wanted: Case['wanted'],
  draw: (random: SimulationRandom, arm: Arm) => number,
): Play {
  const design: BettingDesign = {
    ...range,
    harmfulAt: wanted === 'harmful' ? [margin] : [],
    nonInferiorAt: wanted === 'harmful' ? [] : [margin],
  };
  return (random, share) => {
    const state = initialBetting(design);
    return (arm) => {
      bet(state, design, arm, share, draw(random, arm));
      return (
        (wanted === 'harmful' ? lnEHarmful(state, 0) : lnENonInferior(state, 0, proofWeights(1).bets)) >= THRESHOLD
      );
    };
  };
}

function tilted(
  happens: (random: SimulationRandom, arm: Arm) => boolean,
  boundary: number,
  wanted: Case['wanted'],
): Play {
  return (random, share) => {
    const state = initialTilt();
    return (arm) => {
      if (!happens(random, arm)) return false;
      hit(state, arm, share);
      return (
        (wanted === 'harmful' ? lnEMoreOften(state, boundary) : lnELessOften(state, boundary, proofWeights(1).tilts)) >=
        THRESHOLD
      );
    };
  };
}

/** The candidate's values are 1 + effect times as often in the tail, and as much at its far end. */
function nestedTails(tailShare: number, effect: number, boundary: number): Play {
  return (random, share) => {
    const [near, far] = [initialTilt(), initialTilt()];
    return (arm) => {
      // Where the value lies in control's law.
      const position = random.uniform() / (arm === 'candidate' ? 1 + effect : 1);
      if (position >= tailShare) return false;
      hit(near, arm, share);
      if (position < FAR_TAIL_SHARE * tailShare) hit(far, arm, share);
      return lnETailMoreOften(near, far, boundary) >= THRESHOLD;
    };
  };
}
