import type { ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';
import { metricByPairs } from '#libs/delivery';
import type { RecordedCommand } from '#libs/persistence/reports';
import type { ShadowSummary } from './experiment-summary.js';

/** How far the shadow is, and what its pairs say; null for an experiment without one. */
export function shadowSummary(
  spec: ExperimentSpec,
  commands: readonly RecordedCommand[],
  analysis: ExperimentAnalysed | undefined,
): ShadowSummary | null {
  const { shadow } = spec;
  if (shadow === undefined) return null;
  return {
    isUnderWay: isShadowSoFar(spec, commands),
    pairsWanted: shadow.pairs,
    ratePpm: shadow.ratePpm,
    isAll: shadow.only ?? false,
    candidates: (analysis?.pairs ?? []).map(({ metrics, ...pairs }) => ({
      ...pairs,
      metrics: metrics.map((paired) => metricByPairs(analysis as ExperimentAnalysed, pairs.candidate, paired).metric),
    })),
  };
}

/** Whether a revision is in its shadow, by its commands so far: what ends one is an advance, a rollback or the end. */
export function isShadowSoFar({ shadow }: ExperimentSpec, commands: readonly RecordedCommand[]): boolean {
  return shadow !== undefined && commands.length > 0 && commands.every(({ command }) => STAYS.has(command));
}

/** A dropped candidate leaves the shadow to the others. */
const STAYS: ReadonlySet<string> = new Set(['start', 'pause', 'resume', 'drop-arm']);
