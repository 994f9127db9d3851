import { lnBeta, logMeanExp } from '../distributions/index.js';
import { BET_FRACTIONS } from '../e-processes/index.js';
import { expectCounts, type Votes } from './votes.js';

/** The Beta law over which win rates are mixed: Beta(½, ½), which suits clear preferences, or Beta(1, 1), better near a half. */
export type PreferencePrior = 'jeffreys' | 'uniform';

type Decided = Pick<Votes, 'wins' | 'losses'>;

/**
 * ln E against "of the votes that name a winner, each variant gets half", in either direction. 0 without votes.
 *
 * `ln E = ln B(a + W, a + L) − ln B(a, a) + (W + L) ln 2` with a = ½ or 1; ties are dropped. The expected value of every factor is 1
 * whatever came before, so it may be looked at after every vote.
 *
 * Sources: Beta mixture of binomial likelihood ratios, Robbins, Ann. Math. Stat. 41 (1970); Lindon & Malek, NeurIPS 2022 (two
 * categories); Howard, Ramdas, McAuliffe, Sekhon, Ann. Stat. 49 (2021), §4 (beta-binomial). Assumptions: one vote per rater and
 * prompt (see `voteKey`), sides drawn at random; votes are independent given the past, or at least fair given the past.
 */
export function lnEPreference({ wins, losses }: Decided, prior: PreferencePrior = 'jeffreys'): number {
  expectCounts(wins, losses);
  return lnMixture({ wins, losses }, prior) + (wins + losses) * Math.LN2;
}

/** Share of wins among the votes that name a winner; null without such votes. */
export function winRate({ wins, losses }: Decided): number | null {
  expectCounts(wins, losses);
  return wins + losses === 0 ? null : wins / (wins + losses);
}

/**
 * Anytime-valid 1 − α interval of the win rate: all rates that {@link lnEPreference}'s mixture does not reject,
 * `{p : ln B(a + W, a + L) − ln B(a, a) − W ln p − L ln(1 − p) < ln(1/α)}`. Null without votes that name a winner.
 * The likelihood is log-concave in p, so the ends are found by bisection on either side of its top.
 */
export function winRateInterval(
  votes: Decided,
  alpha: number,
  prior: PreferencePrior = 'jeffreys',
): { readonly low: number; readonly high: number } | null {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha ${alpha}: expected a number between 0 and 1`);
  const estimate = winRate(votes);
  if (estimate === null) return null;
  const least = lnMixture(votes, prior) + Math.log(alpha);
  const isRejected = (p: number): boolean => lnLikelihood(votes, p) <= least;
  return { low: endTowards(0, estimate, isRejected), high: endTowards(1, estimate, isRejected) };
}

/**
 * ln E against "the candidate's win rate is ½ − margin or less": non-inferior, and at margin 0 superior. 0 without votes.
 *
 * A mixture of one-sided bets: with p₀ = ½ − margin a win multiplies by 1 + F(1 − p₀)/p₀ and a loss by 1 − F, the likelihood ratio
 * of the win rate p₀ + F(1 − p₀), averaged over the fractions F of the other betting tests. Its expected factor is at most 1
 * for every win rate up to p₀. Source: Waudby-Smith & Ramdas, JRSS-B 86 (2024), §4. Assumptions as of {@link lnEPreference}.
 */
export function lnENonInferiorPreference({ wins, losses }: Decided, margin: number): number {
  expectCounts(wins, losses);
  const boundary = boundaryOf(margin);
  const odds = (1 - boundary) / boundary;
  return logMeanExp(BET_FRACTIONS.map((share) => wins * Math.log1p(share * odds) + losses * Math.log1p(-share)));
}

/** ln E against "the candidate's win rate is ½ − margin or more": harmful. 0 without votes. As {@link lnENonInferiorPreference}. */
export function lnEHarmfulPreference({ wins, losses }: Decided, margin: number): number {
  expectCounts(wins, losses);
  const boundary = boundaryOf(margin);
  const odds = boundary / (1 - boundary);
  return logMeanExp(BET_FRACTIONS.map((share) => losses * Math.log1p(share * odds) + wins * Math.log1p(-share)));
}

function boundaryOf(margin: number): number {
  if (!(margin >= 0 && margin < 0.5)) throw new RangeError(`margin ${margin} of a win rate: expected 0 ≤ margin < 0.5`);
  return 0.5 - margin;
}

/** ln of the mixture's likelihood of the votes, in the order they came. */
function lnMixture({ wins, losses }: Decided, prior: PreferencePrior): number {
  const a = prior === 'jeffreys' ? 0.5 : 1;
  return lnBeta(a + wins, a + losses) - lnBeta(a, a);
}

/** 0 · ln 0 is 0: a rate of 0 is not contradicted by votes that were all lost. */
function lnLikelihood({ wins, losses }: Decided, rate: number): number {
  return (wins && wins * Math.log(rate)) + (losses && losses * Math.log1p(-rate));
}

/** The point between `inside` and `end` at which the rejection begins; `end` itself if even that is not rejected. */
function endTowards(end: 0 | 1, inside: number, isRejected: (p: number) => boolean): number {
  if (!isRejected(end)) return end;
  let [kept, rejected] = [inside, end as number];
  for (let step = 0; step < 60; step++) {
    const middle = (kept + rejected) / 2;
    if (isRejected(middle)) rejected = middle;
    else kept = middle;
  }
  return (kept + rejected) / 2;
}
