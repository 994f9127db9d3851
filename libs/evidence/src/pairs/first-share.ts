import { MILLION, type PairsAnalysis } from '#libs/contracts';

/** What the pairs say at one share of the traffic. */
interface ProvenStep {
  readonly sharePpm: number;
  readonly nonInferior: boolean;
}

/** A guardrail as the pairs judge it. */
export interface JudgedByPairs {
  readonly metric: string;
  readonly role: string;
  readonly verdict: string;
  readonly budget: readonly ProvenStep[];
}

/**
 * The largest share of the ramp that the damage budget allows after these pairs: the one at which each guardrail is proven to be worse by less than
 * its margin ÷ share. 0: none. Nothing is allowed where a guardrail is proven harmful.
 */
export function shareAllowed(metrics: readonly JudgedByPairs[], sharesPpm: readonly number[]): number {
  const guardrails = metrics.filter(({ role }) => role === 'guardrail');
  if (guardrails.length === 0 || guardrails.some(({ verdict }) => verdict === 'harmful')) return 0;
  const isProven = (sharePpm: number): boolean => guardrails.every((guardrail) => isProvenAt(guardrail, sharePpm));
  return Math.max(0, ...sharesPpm.filter(isProven));
}

/** The guardrail that allows the smallest share; null where each allows all of the traffic. */
export function hardestOf(metrics: readonly JudgedByPairs[]): string | null {
  let hardest: string | null = null;
  let least = MILLION;
  for (const guardrail of metrics) {
    if (guardrail.role !== 'guardrail') continue;
    const allowed = Math.max(0, ...guardrail.budget.flatMap((step) => (step.nonInferior ? [step.sharePpm] : [])));
    if (allowed >= least) continue;
    least = allowed;
    hardest = guardrail.metric;
  }
  return hardest;
}

/**
 * The stage that a ramp may begin with after its shadow: the last one whose share the pairs allow, its first one where they allow nothing.
 * Never all of the traffic: what nobody has used is promoted by no pair.
 */
export function firstStage(sharesPpm: readonly number[], allowedPpm: number): PairsAnalysis['firstStage'] {
  let stage = 0;
  for (const [index, sharePpm] of sharesPpm.entries()) if (sharePpm <= allowedPpm && sharePpm < MILLION) stage = index;
  return { stage, sharePpm: sharesPpm[stage] ?? 0 };
}

function isProvenAt({ budget }: JudgedByPairs, sharePpm: number): boolean {
  return budget.some((step) => step.sharePpm === sharePpm && step.nonInferior);
}
