import { betAdjusted, initialAdjustedBetting } from '#lab/methods';
import {
  bet,
  type BettingDesign,
  betPaired,
  BOLD_WEIGHTS,
  initialBetting,
  initialCovariance,
  initialPairedBetting,
  linearisedRatio,
  lnEHarmful,
  lnEHarmfulPreference,
  lnENonInferior,
  lnENonInferiorPreference,
  lnEPairedHarmful,
  lnEPairedNonInferior,
  observePair,
  type PairedDesign,
  ratioBaseline,
  type RatioBaseline,
} from '#libs/statistics';
import type { SimulationRandom } from '#libs/testing/random';
import { type DesignCell, type DesignName, shareAt } from './cells.js';
import type { ContenderVerdict } from './contenders.js';
import { methods } from './methods.js';
import { DRIFT_SD } from './shapes.js';

/** A method that needs more of a unit than one value. */
interface Design {
  readonly description: string;
  readonly margin: number;
  /** How much worse the harmful candidate is, in the unit of the margin. */
  readonly harm: number;
  readonly atMargin: string;
  readonly atZero: string;
  /** One run: folds the next unit in, and says what the evidence at the margins is. */
  start(world: World): Run;
}

interface World {
  readonly random: SimulationRandom;
  readonly margins: readonly number[];
  /** How much worse the candidate is. */
  readonly worse: number;
}

interface Run {
  /** @param drift in standard deviations, the same for both variants. */
  next(share: number, drift: number): void;
  lnEHarmful(marginIndex: number): number;
  lnENonInferior(marginIndex: number): number;
}

const LEVEL = 0.3;
const SD = 0.035;
/** Correlation of both variants' values for the same prompt and seed. */
const PAIR_CORRELATION = 0.7;
/** Share of the variance that the covariate explains, and how strongly the effect itself depends on it (its mean does not). */
const EXPLAINED = 0.5;
const EFFECT_BY_COVARIATE = 0.5;
const TIES = 0.2;
const BASELINE_UNITS = 250;
const COST_PER_PICTURE = 1;
/** Wide enough for the skewed values of large units. */
const RATIO_BOUND_IN_SPREADS = 8;

export const designs: Readonly<Record<DesignName, Design>> = {
  paired: {
    description: `shadow traffic: pairs of alignments that correlate by ${PAIR_CORRELATION}; margin −.01; harm −.02; an event is a pair`,
    margin: 0.01,
    harm: 0.02,
    atMargin: methods.paired,
    atZero: methods.pairedAtZero,
    start({ random, margins, worse }) {
      // What the pairs have in common isn't known beforehand: the first guess is a value's own spread.
      const design: PairedDesign = {
        largestDifference: 8 * SD,
        usualSpread: SD,
        harmfulAt: margins,
        nonInferiorAt: margins,
      };
      const state = initialPairedBetting(design);
      return {
        next() {
          // What both have in common cancels.
          const own = SD * Math.sqrt(1 - PAIR_CORRELATION);
          betPaired(state, design, own * (random.normal() - random.normal()) - worse);
        },
        lnEHarmful: (index) => lnEPairedHarmful(state, index, BOLD_WEIGHTS),
        lnENonInferior: (index) => lnEPairedNonInferior(state, index, margins[index] === 0 ? BOLD_WEIGHTS : undefined),
      };
    },
  },
  adjusted: {
    description: `alignment, half of whose variance a covariate explains, and a candidate whose effect varies with it; margin −.01; harm −.02`,
    margin: 0.01,
    harm: 0.02,
    atMargin: methods.adjusted,
    atZero: methods.adjustedAtZero,
    start({ random, margins, worse }) {
      const design: BettingDesign = {
        lo: LEVEL - 8 * SD,
        hi: LEVEL + 8 * SD,
        expected: LEVEL,
        harmfulAt: margins,
        nonInferiorAt: margins,
      };
      const state = initialAdjustedBetting(design, 1);
      const covariates = new Float64Array(1);
      return {
        next(share, drift) {
          const covariate = random.normal();
          covariates[0] = covariate;
          const z = Math.sqrt(EXPLAINED) * covariate + Math.sqrt(1 - EXPLAINED) * random.normal() + drift;
          const isCandidate = random.uniform() < share;
          const effect = isCandidate ? EFFECT_BY_COVARIATE * SD * covariate - worse : 0;
          betAdjusted(state, design, isCandidate ? 'candidate' : 'control', share, LEVEL + SD * z + effect, covariates);
        },
        lnEHarmful: (index) => lnEHarmful(state.betting, index),
        lnENonInferior: (index) => lnENonInferior(state.betting, index),
      };
    },
  },
  ratio: {
    description:
      'cost per picture over units of one to many pictures (geometric, two on average), lognormal σ = .5 per unit; margin +10 %; harm +25 %',
    margin: 0.1,
    harm: 0.25,
    atMargin: methods.ratio,
    atZero: methods.ratioAtZero,
    start({ random, margins, worse }) {
      const { line, spread } = baselineLine(random);
      // Less is better: values are negated, the bounds with them.
      const reach = RATIO_BOUND_IN_SPREADS * spread;
      const design: BettingDesign = {
        lo: -line.ratio - reach,
        hi: -line.ratio + reach,
        expected: -line.ratio,
        harmfulAt: margins,
        nonInferiorAt: margins,
      };
      const state = initialBetting(design);
      return {
        next(share, drift) {
          const isCandidate = random.uniform() < share;
          const { cost, pictures } = drawUnit(random, drift);
          // The difference of linearised means is that of the costs per picture, times the mean size over the baseline's.
          const added = isCandidate ? (worse * pictures * line.meanDenominator) / MEAN_PICTURES : 0;
          const value = linearisedRatio(cost + added, pictures, line);
          bet(state, design, isCandidate ? 'candidate' : 'control', share, -value);
        },
        lnEHarmful: (index) => lnEHarmful(state, index),
        lnENonInferior: (index) => lnENonInferior(state, index),
      };
    },
  },
  preference: {
    description: `votes between two pictures, ${100 * TIES} % of them ties; margin −.05 of the win rate; harm −.1; an event is a vote`,
    margin: 0.05,
    harm: 0.1,
    atMargin: methods.preference,
    atZero: methods.preferenceAtZero,
    start({ random, margins, worse }) {
      const votes = { wins: 0, losses: 0 };
      return {
        next() {
          if (random.uniform() < TIES) return;
          if (random.uniform() < 0.5 - worse) votes.wins += 1;
          else votes.losses += 1;
        },
        lnEHarmful: (index) => lnEHarmfulPreference(votes, margins[index] as number),
        lnENonInferior: (index) => lnENonInferiorPreference(votes, margins[index] as number),
      };
    },
  },
};

/** Units arrive one by one and are looked at after each. Over a ramp their level drifts. */
export function runDesign(
  cell: DesignCell,
  events: number,
  random: SimulationRandom,
  alpha: number,
): readonly ContenderVerdict[] {
  const design = designs[cell.design];
  const isNull = cell.truth === 'no-effect';
  const margins = isNull ? [design.margin, 0] : [design.margin];
  const worse = isNull ? 0 : cell.truth === 'at-margin' ? design.margin : design.harm;
  const names = [design.atMargin, design.atZero];
  const said = margins.map((_, index): ContenderVerdict => ({
    method: names[index] as string,
    harmfulAt: 0,
    nonInferiorAt: 0,
  }));
  const run = design.start({ random, margins, worse });
  const threshold = -Math.log(alpha);
  for (let index = 1; index <= events; index++) {
    const fraction = (index - 1) / events;
    run.next(shareAt(cell.share, fraction), cell.share === 'ramp' ? DRIFT_SD * fraction : 0);
    for (let at = 0; at < said.length; at++) {
      const verdict = said[at] as ContenderVerdict;
      if (verdict.harmfulAt === 0 && run.lnEHarmful(at) >= threshold) verdict.harmfulAt = index;
      if (verdict.nonInferiorAt === 0 && run.lnENonInferior(at) >= threshold) verdict.nonInferiorAt = index;
    }
    if (cell.truth === 'harm' && said.every(({ harmfulAt }) => harmfulAt > 0)) break;
  }
  return said;
}

const MEAN_PICTURES = 2;
const COST_SIGMA = 0.5;

/** A unit of N pictures, N geometric, with a cost level of its own. */
function drawUnit(random: SimulationRandom, drift: number): { readonly cost: number; readonly pictures: number } {
  const pictures = 1 + Math.floor(Math.log(1 - random.uniform()) / Math.log(1 - 1 / MEAN_PICTURES));
  const level = Math.exp(COST_SIGMA * random.normal() - COST_SIGMA ** 2 / 2);
  return { cost: pictures * (COST_PER_PICTURE * level + COST_SIGMA * drift), pictures };
}

/** What control's first units fix: the line, and the spread of values linearised along it. */
function baselineLine(random: SimulationRandom): { readonly line: RatioBaseline; readonly spread: number } {
  const past = initialCovariance();
  const units = Array.from({ length: BASELINE_UNITS }, () => drawUnit(random, 0));
  for (const { cost, pictures } of units) observePair(past, cost, pictures);
  const line = ratioBaseline(past) as RatioBaseline;
  const squares = units.reduce(
    (sum, { cost, pictures }) => sum + (linearisedRatio(cost, pictures, line) - line.ratio) ** 2,
    0,
  );
  return { line, spread: Math.sqrt(squares / (BASELINE_UNITS - 1)) };
}
