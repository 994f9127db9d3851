import { expectNumber, type PlannedMetric } from './planned-metric.js';
import { growthPerUnit, largestMargin, unitLaw } from './unit-law.js';

const MILLION = 1_000_000;
/** A forecast needs no more of a normal law: it is asked for with every analysis. */
const POINTS = 32;

/** How fast one guardrail is proven of an equal candidate: expected growth of ln E per unit, by rung and target; at most 0: never. */
export interface ProofGrowth {
  /** Of the rungs from the present one on, one entry per target: the rungs after the first, then 100 %. */
  readonly byRung: readonly (readonly number[])[];
  /** ln of the number of bets that share the evidence. */
  readonly lnBets: number;
}

/** Where a running ramp's guardrail stands. */
export interface GuardrailUnderWay {
  readonly name: string;
  readonly growth: ProofGrowth;
  /** ln E by target, as it is now. */
  readonly lnE: readonly number[];
}

/**
 * The growth of a guardrail's proofs on the rest of a ramp, as {@link unitsToProve} uses it, for an equal candidate.
 * O(rungs² · what a unit's law costs): milliseconds; worth keeping as long as the metric is the same.
 * @param ladderPpm the rungs from the present one on, below 100 %, rising.
 * @param hasEqualBaseline whether the candidate is compared with an arm of its own share, as far as there is room for both: units of neither say nothing.
 */
export function proofGrowth(
  metric: PlannedMetric,
  margin: number,
  ladderPpm: readonly number[],
  hasEqualBaseline = false,
): ProofGrowth {
  expectNumber('margin', margin, margin >= 0 && margin < Infinity, 'a number from 0 on');
  const targets = [...ladderPpm.slice(1), MILLION].map((ppm) => ppm / MILLION);
  const nonInferiorAt = targets.map((target) => Math.min(margin / target, largestMargin(metric, margin)));
  let lnBets = 0;
  const byRung = ladderPpm.map((ppm, rung) => {
    // What lies behind a rung is not asked of it.
    const ahead = nonInferiorAt.slice(rung);
    const share = ppm / MILLION;
    const compared = hasEqualBaseline ? Math.min(1, 2 * share) : 1;
    const law = unitLaw(metric, 0, share / compared, { margin, harmfulAt: [], nonInferiorAt: ahead, points: POINTS });
    lnBets = Math.log(law.perTest);
    return targets.map((_, target) => (target < rung ? 0 : compared * growthPerUnit(law, target - rung)));
  });
  return { byRung, lnBets };
}

export interface UnitsToPromotion {
  /** Further units of both variants; +∞ where some guardrail is never proven. */
  readonly units: number;
  /** The guardrail that takes longest on the longest rung; null where nothing is left to prove. */
  readonly hardest: string | null;
}

/**
 * Further units until the guardrails of an equal candidate are proven for promotion, from where their evidence stands: rung by rung the
 * units that the slowest guardrail needs for the next one, at the expected growth of its best bet. About what the ramp takes in the middle of many;
 * what harm, approvals and least times add is not in it.
 *
 * Source of the growth rate: Kelly, Bell Syst. Tech. J. 35 (1956). O(rungs² · guardrails).
 */
export function unitsToPromotion(guardrails: readonly GuardrailUnderWay[], alpha: number): UnitsToPromotion {
  expectNumber('alpha', alpha, alpha > 0 && alpha < 1, 'a number between 0 and 1');
  const left = guardrails.map(({ lnE, growth }) =>
    lnE.map((reached) => leftOf(reached, -Math.log(alpha), growth.lnBets)),
  );
  const rungs = guardrails[0]?.growth.byRung.length ?? 0;
  let units = 0;
  let longest = 0;
  let hardest: string | null = null;
  for (let rung = 0; rung < rungs; rung++) {
    const takes = guardrails.map(({ growth }, index) =>
      unitsFor(left[index]?.[rung] ?? 0, growth.byRung[rung]?.[rung] ?? 0),
    );
    const slowest = Math.max(0, ...takes);
    if (slowest > longest) {
      longest = slowest;
      hardest = guardrails[takes.indexOf(slowest)]?.name ?? null;
    }
    units += slowest;
    if (units === Infinity) break;
    // What is gathered here counts for every later target.
    guardrails.forEach(({ growth }, index) => {
      const own = left[index] as number[];
      own.forEach((need, target) => (own[target] = need - slowest * Math.max(0, growth.byRung[rung]?.[target] ?? 0)));
    });
  }
  return { units, hardest };
}

/** ln E still to come of the best bet: at the start all bets share the evidence, near the end it is the best one's. */
function leftOf(reached: number, threshold: number, lnBets: number): number {
  const part = Math.min(1, Math.max(0, reached / threshold));
  return reached >= threshold ? 0 : threshold - reached + lnBets * (1 - part);
}

function unitsFor(left: number, growth: number): number {
  if (left <= 0) return 0;
  return growth > 0 ? left / growth : Infinity;
}
