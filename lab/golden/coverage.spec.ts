import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as labMethods from '#lab/methods';
import * as peers from '#lab/peers';
import * as statistics from '#libs/statistics';

/** What begins, feeds, joins or reads a state, and small steps inside methods that have golden values: their own specs check them. */
const parts: readonly RegExp[] = [
  /^(initial|merge|observe|add|offer|swap)[A-Z]/,
  /^(ByPropensity|betsIn|encodeWealth|decodeWealth|betWithin)$/,
  /^(placeBets|placeEveryBet|placeTwoRounds|testsOf|settleBets|nothingHeld|betAround|lnEOfBets|lnMeanWealth|lnWeightedWealth|rescaleWealth|widthFor|movedOut|pastSpread|largerSpread|nextBet)$/,
  /^(armTotal|doublyRobustDifference|combineStages|differenceEstimate|pairWeight|isRandomised|pooledMean)$/,
  /^(crossing|mixturePrecision|oneSidedPrecision|bucketsInOrder|valuesInOrder|valueAtRank|valueCounts|farTailLimit)$/,
  /^(windowAfter|hitInWindow|hitPair|allowBadEvent|readLimit|isKnownLess|propensityAt)$/,
  /^(centreOf|predictClass|betInClass|nestedBettingDesign|unboundedDesign|nestedRanges|boundsOfStep|betNested|clippedShares|lossWithinWidest)$/,
  /^(dimensionOf|unitVectors|embeddingsOf|samplingPriority|kernelSums|voteKey|countOfVotes|expectCounts)$/,
];

/** Compositions of methods that have golden values, and rules of other systems: checked by simulation, by property, or by hand. */
const checkedOtherwise: Readonly<Record<string, string>> = {
  adjustedMeanDifference: 'simulated coverage; regression adjustment and the sequence have golden values',
  betAdjusted: 'simulated error rate; betting and the linear predictor have golden values',
  betOnRatio: 'betting on a linearised ratio, which both have golden values',
  clusteredMeanDifference: 'simulated coverage; cluster means and the sequence have golden values',
  compareDiversity: 'a difference of Vendi scores, which have golden values',
  lnEQuantilesDiffer: 'simulated error rate; the beta-binomial mixture has golden values',
  lnESketchQuantilesDiffer: 'the same of sketches',
  lnEFirstOrLater: 'a mean of two E, computed by hand; simulated error rate',
  lnERestarted: 'a weighted mean of tilts, which have golden values; simulated error rate',
  lnKnownRatio: 'a formula, computed by hand; simulated error rate of the tilt that stands at it',
  lnENestedHarmful: 'a weighted mean of betting within several bounds, which has golden values; simulated error rate',
  lnENestedNonInferior: 'betting within one of several bounds',
  lnENestedSuperior: 'the same',
  tailEndLevels: 'doubled and halved odds, computed by hand',
  noteTailFall: 'two counts',
  sumTailFalls: 'their sums',
  tailSteepness: 'a ratio of logarithms, checked on power laws, whose indices it is the ratio of',
  surelyBeyondFew:
    'a formula, computed by hand; how often it is too near and the error rate of what it is used for are simulated',
  edgeOfBucket: 'an edge of a bucket, checked by the values in it',
  noteNewest: 'a list of the newest',
  isHardlyBeyond: 'comparisons; simulated error rate',
  discountedTilt: 'a tilt of fewer events, which has golden values; simulated error rate',
  discountedRestarts: 'the same in every window',
  proofWeights: 'weights chosen by a search, which add up to 1',
  pairedProofWeights: 'the same',
  lnEWitness: 'simulated error rate; the scored tilt has golden values',
  quantile: 'a sketch of a stated error, compared with sorted values',
  rejects: 'one comparison of ln E with ln(1/α)',
  quantileInterval: 'ranks have golden values, the sketch a stated error',
  argoCounted: 'counts, worked by hand',
  argoMeasurement: 'a rule: cases worked by hand',
  argoPhase: 'a rule: cases worked by hand',
  flaggerCheck: 'a rule: cases worked by hand',
  flaggerSequence: 'a rule: cases worked by hand',
  flaggerStart: 'the first of a sequence',
  kayentaJudgement: 'a rule: cases worked by hand',
  commonLanguageEffect: 'compared with all pairs, one by one; the ranks it is made of have golden values',
  scoreVerdict: 'two comparisons',
  canaryScore: "a rule: cases of Kayenta's are worked by hand",
  classifyMetric: 'a rule: cases worked by hand',
  comparePipeCd: 'a rule: cases worked by hand',
  mannWhitneyInterval: 'the pseudo-median it inverts, wilcoxonDiff, has golden values',
  propensitiesOf: 'the keys of a table, in order',
  scalingFactor: 'bisection of midExperimentPower, which has golden values',
};

const specs = ['libs', 'lab']
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
  .filter((path) => path.endsWith('.spec.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .map((text) => ({ area: /from '.*\/golden\/(\w+)\.json'/.exec(text)?.[1], imported: importedNames(text) }))
  .filter((spec) => spec.area !== undefined);

describe('golden values', () => {
  const methods = Object.entries({ ...statistics, ...labMethods, ...peers })
    .filter(([name, value]) => typeof value === 'function' && !parts.some((part) => part.test(name)))
    .map(([name]) => name);

  it.each(methods.filter((name) => !(name in checkedOtherwise)))('of %s are in an area of their own', (name) => {
    expect(specs.filter(({ imported }) => imported.has(name)).map(({ area }) => area)).not.toEqual([]);
  });

  it('are not missing for a method that has them', () => {
    const known = Object.keys(checkedOtherwise);
    expect(known.filter((name) => !methods.includes(name))).toEqual([]);
    expect(known.filter((name) => specs.some(({ imported }) => imported.has(name)))).toEqual([]);
  });

  it('are written by a script that is there, with the versions of what made them', () => {
    const folder = 'libs/testing/golden';
    for (const file of readdirSync(folder)) {
      const { versions, values } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, object>;
      expect(Object.keys(versions ?? {}), file).toContain('python');
      expect(Object.keys(versions ?? {}).length, file).toBeGreaterThan(1);
      expect(Object.keys(values ?? {}).length, file).toBeGreaterThan(0);
      expect(readdirSync('lab/golden'), file).toContain(`${basename(file, '.json')}.py`);
    }
  });
});

/** Names that a source text imports by name. */
function importedNames(text: string): ReadonlySet<string> {
  const lists = [...text.matchAll(/^(?:import|const) \{([^}]*)\}/gm)].map(([, names]) => names as string);
  return new Set(lists.flatMap((names) => names.split(',').map((name) => name.trim().replace(/^type /, ''))));
}
