import { candidatesOf, type ExperimentAnalysed, type ExperimentSpec, type PairsAnalysis } from '#libs/contracts';
import { hasShownItsPace, type RunClock } from './outlook.js';
import { completePairs } from './rules/pairs.js';

/** How far the shadow is, and when its pairs will be complete. */
export interface ShadowOutlook {
  /** Complete, and wanted. */
  readonly pairs: number;
  readonly wanted: number;
  /** What the pairs say of each candidate so far. */
  readonly found: readonly PairsAnalysis[];
  /** Until the wanted pairs are there at the present pace; null where none has come. */
  readonly ms: number | null;
  /** Even at a pace that is as high as chance allows they are not there in time. */
  readonly isTooLate: boolean;
}

/** Standard errors of a Poisson count, added to it before it is called too small. */
const CAUTION = 3;

export function shadowOutlookOf(spec: ExperimentSpec, analysis: ExperimentAnalysed, clock: RunClock): ShadowOutlook {
  const wanted = spec.shadow?.pairs ?? 0;
  const pairs = completePairs(spec, analysis);
  const left = Math.max(0, wanted - pairs);
  const couldCome = (clock.leftMs * (pairs + CAUTION * Math.sqrt(pairs) + CAUTION)) / clock.elapsedMs;
  const names = candidatesOf(spec);
  return {
    pairs,
    wanted,
    found: (analysis.pairs ?? []).filter(({ candidate }) => names.includes(candidate)),
    ms: pairs === 0 || clock.elapsedMs === 0 ? null : (left * clock.elapsedMs) / pairs,
    isTooLate: hasShownItsPace(clock) && left > couldCome,
  };
}
